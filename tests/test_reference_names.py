"""docs/reference.md, compared with the public names of transformers and of this package."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import transformers.models.convbert as reference
from golden import CHECKPOINTS

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.models import HEADS

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.*?) ?\|$", re.MULTILINE)


def section(title: str) -> dict[str, tuple[str, str]]:
    """The rows of a table: our name and the remark, by transformers' name."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    return {name: (ours, remark) for name, ours, remark in ROW.findall(text)}


def public(package: Any) -> set[str]:
    files = {path.stem for path in Path(package.__path__[0]).glob("*.py")}
    return {name for name in dir(package) if not name.startswith("_")} - files


def resolve(path: str) -> Any:
    module, _, name = path.strip("`").rpartition(".")
    return getattr(import_module(module), name)


def test_table_has_every_public_name_of_transformers() -> None:
    assert section("Classes and functions").keys() == public(reference)


@pytest.mark.parametrize(("name", "ours"), section("Classes and functions").items())
def test_name_exists_here_or_the_table_explains_why_not(name: str, ours: tuple[str, str]) -> None:
    path, remark = ours
    if path == "none":
        assert len(remark.split()) > 4
    else:
        assert resolve(path).__name__ == name


def test_table_of_model_arguments_matches_the_signatures() -> None:
    taken = section("Arguments of models")
    reference_classes = [getattr(reference, name) for name in HEADS]
    theirs = {name for model in reference_classes for name in inspect.signature(model.forward).parameters}
    ours = {name for model in HEADS.values() for name in inspect.signature(model.forward).parameters}
    assert taken.keys() == theirs - {"self"}
    assert {name for name, (same, _) in taken.items() if same == "same"} == ours - {"self", "position"}


@pytest.mark.parametrize("ours", [ConvBertTokenizer, ConvBertTokenizerFast])
def test_table_of_tokenizer_methods_matches_the_classes(ours: type[Any]) -> None:
    offered = section("Members of tokenizers")
    tokenizer = ours.from_pretrained(CHECKPOINTS / "plain-question-answering")
    classes = (reference.ConvBertTokenizer, reference.ConvBertTokenizerFast)
    assert {name for cls in classes for name in vars(cls) if not name.startswith("_")} <= offered.keys()
    for name, (same, _) in offered.items():
        assert (same == "same") == hasattr(tokenizer, name), name
