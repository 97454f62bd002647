import json
from dataclasses import asdict

import pytest

from convbert_onnx.bundle import FORMAT_VERSION, Bundle, ExportRecord, ValidatedShape
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError

RECORD = ExportRecord(
    task="question-answering",
    source="toy",
    source_sha256="0" * 64,
    target="cpu",
    precision="fp32",
    padding="masked",
    opset=18,
    ir_version=8,
    parameters=10,
    operators={"convbert_onnx.SpanDynamicConv": 2},
    edits={"merge_projections": "2 places"},
    tools={"torch": "2.13.0"},
    tolerance=1e-4,
    worst_difference=1e-6,
    validated=(ValidatedShape(1, 3, False, 1e-6),),
)
BUNDLE = Bundle(ConvBertConfig(num_labels=3), '{"version": "1.0"}', {"do_lower_case": True}, RECORD)


def test_a_bundle_survives_its_metadata() -> None:
    metadata = BUNDLE.to_metadata()
    assert all(name.startswith("convbert_onnx.") for name in metadata)
    assert metadata["convbert_onnx.tokenizer.json"] == BUNDLE.tokenizer_json
    assert Bundle.from_metadata(metadata) == BUNDLE


def test_metadata_of_others_is_no_bundle() -> None:
    assert Bundle.from_metadata({"author": "somebody"}) is None


@pytest.mark.parametrize("version", [str(FORMAT_VERSION + 1), "x"])
def test_a_newer_format_says_to_upgrade(version: str) -> None:
    with pytest.raises(BundleError, match=r"bundle format .*pip install --upgrade convbert-onnx"):
        Bundle.from_metadata({"convbert_onnx.format_version": version})


@pytest.mark.parametrize("lost", ["config.json", "tokenizer.json", "tokenizer_config.json", "export"])
def test_damaged_metadata_says_to_export_again(lost: str) -> None:
    metadata = BUNDLE.to_metadata()
    del metadata[f"convbert_onnx.{lost}"]
    with pytest.raises(BundleError, match="export the model again"):
        Bundle.from_metadata(metadata)


def changed(**fields: object) -> dict[str, str]:
    """Metadata with other fields in the record; None takes one out."""
    metadata = BUNDLE.to_metadata()
    record = json.loads(metadata["convbert_onnx.export"]) | fields
    record = {name: value for name, value in record.items() if value is not None}
    return metadata | {"convbert_onnx.export": json.dumps(record)}


def test_fields_of_later_versions_are_ignored() -> None:
    shape = {**asdict(RECORD.validated[0]), "seconds": 1.5}
    assert Bundle.from_metadata(changed(signature="x", validated=[shape])) == BUNDLE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task", None),
        ("task", 5),
        ("opset", "18"),
        ("opset", True),
        ("parameters", 1.5),
        ("operators", ["x"]),
        ("operators", {"x": "y"}),
        ("tools", {"torch": 2}),
        ("validated", "x"),
        ("validated", [5]),
        ("validated", [{"batch": 1}]),
        ("comparison", []),
        ("layers_in_float", ["0"]),
        ("sha256", {"weights": 0}),
    ],
)
def test_fields_of_wrong_types_are_named(field: str, value: object) -> None:
    with pytest.raises(BundleError, match=rf"metadata is damaged \(.*{field}.*export the model again"):
        Bundle.from_metadata(changed(**{field: value}))
