"""The exceptions of the package."""

import builtins

import pytest

from convbert_onnx import errors
from convbert_onnx.errors import MissingExtraError, MissingKeyError


def test_every_error_is_documented_and_derives_from_a_builtin_exception() -> None:
    standard = tuple(error for error in vars(builtins).values() if isinstance(error, type) and error is not Exception)
    for name in errors.__all__:
        error = getattr(errors, name)
        assert issubclass(error, errors.ConvBertError)
        assert name in (errors.__doc__ or "")
        if error is not errors.ConvBertError:
            assert any(base in standard and issubclass(base, Exception) for base in error.__mro__)


def test_tree_in_the_documentation_shows_the_built_in_exceptions() -> None:
    lines = (errors.__doc__ or "").splitlines()
    for name in errors.__all__:
        (line,) = (line for line in lines if line.split()[:1] == [name])
        bases = [base.__name__ for base in getattr(errors, name).__bases__ if base.__module__ == "builtins"]
        assert name == "ConvBertError" or all(f"({base})" in line for base in bases), line


def test_missing_key_message_has_no_quotes() -> None:
    assert str(MissingKeyError("question is missing")) == "question is missing"


def test_missing_extra_message_has_the_install_command() -> None:
    with pytest.raises(ImportError, match=r"needs torch: pip install 'convbert-onnx\[cpu,export\]'"):
        raise MissingExtraError("exporting needs torch", "cpu,export")
