"""Models whose metadata or interface is damaged, opened as a whole."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from golden import Exported
from onnx_models import entry_bytes

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.model import open_model
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.onnx_proto import ModelProto, StringStringEntryProto, is_metadata
from convbert_onnx.runtime.model_files.protobuf import fields, write_field


def with_metadata(path: Path, **changes: str) -> bytes:
    """Return a file with other texts in its metadata."""
    data = path.read_bytes()

    def parts() -> Iterator[bytes]:
        for field in fields(data, 0, len(data)):
            name = b""
            if is_metadata(field):
                entry = {one.number: one.content(data) for one in fields(data, field.content_start, field.end)}
                name = entry[StringStringEntryProto.KEY]
            key = name.decode().removeprefix("convbert_onnx.").removesuffix(".json")
            if key in changes:
                yield write_field(ModelProto.METADATA_PROPS, entry_bytes(name, changes[key].encode()))
            else:
                yield field.encoded(data)

    return b"".join(parts())


METADATA_CASES: dict[str, tuple[str, str]] = {
    "a config nested deeply": ("config", "[" * 100_000),
    "a config that is a list": ("config", "[]"),
    "a config with a large number of labels": ("config", '{"num_labels": 1000000000}'),
    "a config with many layers": ("config", '{"num_hidden_layers": 1e9}'),
    "a config with more layers": ("config", '{"num_hidden_layers": 1000000000}'),
    "a config of ten megabytes": ("config", json.dumps({"x": "x" * 10**7})),
    "labels of wrong types": ("config", '{"id2label": {"x": []}}'),
    "a record nested deeply": ("export", '{"task":' + '{"task":' * 100_000),
    "a record that is a list": ("export", "[1]"),
    "an empty record": ("export", "{}"),
    "settings that are a list": ("tokenizer_config", "[]"),
    "settings nested deeply": ("tokenizer_config", '{"x":' + "[" * 100_000),
    "a long version": ("format_version", "9" * 10_000),
}


@pytest.mark.parametrize("kind", METADATA_CASES)
def test_damaged_metadata_is_refused(exported: Exported, tmp_path: Path, kind: str) -> None:
    name, text = METADATA_CASES[kind]
    path = tmp_path / "model.onnx"
    path.write_bytes(with_metadata(exported(), **{name: text}))
    with pytest.raises(BundleError, match=r"model\.onnx: "):
        open_model(path)


def test_a_record_with_fields_of_later_versions_is_read(exported: Exported, tmp_path: Path) -> None:
    with OnnxFile(exported()) as file:
        record = json.loads(file.contents.metadata["convbert_onnx.export"])
    record["validated"][0]["seconds"] = 1.5
    path = tmp_path / "model.onnx"
    path.write_bytes(with_metadata(exported(), export=json.dumps(record | {"signature": ["x"]})))
    bundle = open_model(path).bundle
    assert bundle is not None
    assert bundle.record.task == "question-answering"


def test_labels_that_do_not_match_the_outputs_are_refused(exported: Exported, tmp_path: Path) -> None:
    original = exported(task="text-classification")
    with OnnxFile(original) as file:
        config = json.loads(file.contents.metadata["convbert_onnx.config.json"])
    config["id2label"] = {str(index): f"L{index}" for index in range(5)}
    path = tmp_path / "model.onnx"
    path.write_bytes(with_metadata(original, config=json.dumps(config)))
    with pytest.raises(BundleError, match="gives 3 labels, its config has 5"):
        open_model(path)


def test_axis_names_that_are_not_utf_8_are_refused(exported: Exported, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported().read_bytes().replace(b"\x12\x08sequence", b"\x12\x08sequenc\xbe"))
    with pytest.raises(BundleError, match="names that are not UTF-8"):
        open_model(path)
