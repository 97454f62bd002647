import json
from dataclasses import asdict, replace
from importlib.metadata import version

import pytest

from convbert_onnx.bundle import FORMAT_VERSION, MIN_RELEASE, Bundle, Comparison, ExportRecord, ValidatedShape
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError

COMPARISON = Comparison(texts=15, same_answers=14, mean_difference=0.01, worst_difference=0.2)
RECORD = ExportRecord(
    task="question-answering",
    source="toy",
    source_sha256="0" * 64,
    target="cpu",
    precision="int8",
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
    cpu="vnni",
    comparison=COMPARISON,
)
BUNDLE = Bundle(ConvBertConfig(num_labels=3), '{"version": "1.0"}', {"do_lower_case": True}, RECORD)
NEWER = {"convbert_onnx.format_version": str(FORMAT_VERSION + 1)}


def changed(**record: object) -> dict[str, str]:
    """Metadata with other fields in the record; None removes one."""
    metadata = BUNDLE.to_metadata()
    values = json.loads(metadata["convbert_onnx.export"]) | record
    values = {name: value for name, value in values.items() if value is not None}
    return metadata | {"convbert_onnx.export": json.dumps(values)}


def test_from_metadata_reads_what_to_metadata_wrote() -> None:
    metadata = BUNDLE.to_metadata()
    assert all(name.startswith("convbert_onnx.") for name in metadata)
    assert metadata["convbert_onnx.tokenizer.json"] == BUNDLE.tokenizer_json
    assert Bundle.from_metadata(metadata) == BUNDLE


def test_from_metadata_is_none_for_files_of_other_projects() -> None:
    assert Bundle.from_metadata({"author": "somebody"}) is None


@pytest.mark.parametrize("lost", ["config.json", "tokenizer.json", "tokenizer_config.json", "export"])
def test_missing_entries_say_to_export_again(lost: str) -> None:
    metadata = BUNDLE.to_metadata()
    del metadata[f"convbert_onnx.{lost}"]
    with pytest.raises(BundleError, match="export the model again"):
        Bundle.from_metadata(metadata)


def test_unknown_entries_and_fields_of_newer_releases_are_ignored() -> None:
    shape = {**asdict(RECORD.validated[0]), "seconds": 1.5}
    comparison = {**asdict(COMPARISON), "percentiles": [0.1, 0.2]}
    metadata = changed(signature={"key": "x"}, validated=[shape], comparison=comparison)
    config = json.loads(metadata["convbert_onnx.config.json"]) | {"rope": 1}
    metadata |= {"convbert_onnx.license": "MIT", "convbert_onnx.config.json": json.dumps(config)}
    bundle = Bundle.from_metadata(metadata)
    assert bundle is not None
    assert bundle.record == RECORD


def test_unknown_choices_of_newer_releases_are_kept() -> None:
    values: dict[str, object] = {"target": "npu", "precision": "fp8", "padding": "left", "cpu": "riscv", "task": "x"}
    bundle = Bundle.from_metadata(changed(**values))
    assert bundle is not None
    assert bundle.record == replace(RECORD, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task", None),
        ("task", 5),
        ("target", 5),
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
def test_fields_with_wrong_types_are_named(field: str, value: object) -> None:
    with pytest.raises(BundleError, match=rf"metadata is damaged \(.*{field}.*export the model again"):
        Bundle.from_metadata(changed(**{field: value}))


@pytest.mark.parametrize("number", [str(FORMAT_VERSION + 1), "x", "9" * 50])
def test_a_newer_format_is_refused(number: str) -> None:
    with pytest.raises(BundleError, match=rf"bundle format {number[:20]}, .* up to 1: pip install --upgrade convbert-"):
        Bundle.from_metadata({"convbert_onnx.format_version": number})


@pytest.mark.parametrize(
    "entries",
    [
        {"convbert_onnx.min_release": "9.1.0"},
        {"convbert_onnx.min_release": "9.1.0", "convbert_onnx.export": '{"tools": {"convbert-onnx": "9.9.0"}}'},
        {"convbert_onnx.export": '{"tools": {"convbert-onnx": "9.1.0"}}'},
    ],
)
def test_a_newer_format_names_the_release_that_reads_it(entries: dict[str, str]) -> None:
    message = r"convbert-onnx 9\.1\.0 or newer is needed: pip install --upgrade 'convbert-onnx>=9\.1\.0'"
    with pytest.raises(BundleError, match=message):
        Bundle.from_metadata(NEWER | entries)


@pytest.mark.parametrize(
    "entries",
    [
        {"convbert_onnx.min_release": version("convbert-onnx")},
        {"convbert_onnx.min_release": "9; rm -rf ~"},
        {"convbert_onnx.export": "{"},
        {"convbert_onnx.export": '{"tools": []}'},
        {"convbert_onnx.export": '{"tools": {"convbert-onnx": 9}}'},
    ],
)
def test_a_release_that_makes_no_sense_is_not_named(entries: dict[str, str]) -> None:
    with pytest.raises(BundleError, match=r"up to 1: pip install --upgrade convbert-onnx$"):
        Bundle.from_metadata(NEWER | entries)


def test_files_carry_the_first_release_that_reads_them() -> None:
    assert BUNDLE.to_metadata()["convbert_onnx.min_release"] == MIN_RELEASE == "0.1.0"
