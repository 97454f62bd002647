"""The protocols, compared with the objects of the installed onnxruntime."""

import onnxruntime
import pytest
from golden import Exported

from convbert_onnx.runtime.sessions.onnxruntime_types import NodeArg, Session, SessionOptions
from convbert_onnx.runtime.sessions.session import default_options, open_session


def members(protocol: type) -> set[str]:
    names = {name for name in vars(protocol) if not name.startswith("_")} | set(protocol.__annotations__)
    assert names
    return names


def test_session_options_has_the_members_of_the_protocol() -> None:
    assert members(SessionOptions) <= set(dir(onnxruntime.SessionOptions()))


def test_session_has_the_members_of_the_protocol(exported: Exported) -> None:
    session = open_session(exported()).session
    assert members(Session) <= set(dir(session))
    for spec in (*session.get_inputs(), *session.get_outputs()):
        assert members(NodeArg) <= set(dir(spec))


def test_session_config_entry_that_is_not_set_raises_runtime_error() -> None:
    options = default_options()
    with pytest.raises(RuntimeError):
        options.get_session_config_entry("session.x64quantprecision")
    options.add_session_config_entry("session.x64quantprecision", "1")
    assert options.get_session_config_entry("session.x64quantprecision") == "1"
