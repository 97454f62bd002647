from pathlib import Path

import onnx_ir as ir
import pytest
from golden import Exported
from quantized_files import CALIBRATION

from convbert_onnx.bundle import CalibrationMethod
from convbert_onnx.errors import InputError
from convbert_onnx.exporters import calibrate
from convbert_onnx.exporters.quantization.weight_matmuls import weight_matmuls


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_methods_that_cut_off_outliers_find_narrower_ranges(exported: Exported, method: CalibrationMethod) -> None:
    original = exported()
    everything = calibrate(original, CALIBRATION["question-answering"], "min-max")
    ours = calibrate(original, CALIBRATION["question-answering"], method)
    assert ours.keys() == everything.keys()
    widths = [[high - low for low, high in ranges.values()] for ranges in (everything, ours)]
    assert sum(widths[1]) < sum(widths[0])
    assert all(low < high for low, high in ours.values())


def test_an_unknown_method_is_refused(exported: Exported) -> None:
    with pytest.raises(InputError, match="method must be one of min-max, entropy, percentile, not 'guess'"):
        calibrate(exported(), CALIBRATION["question-answering"], "guess")  # type: ignore[arg-type]


def test_calibrate_reports_each_row_and_prints_nothing(
    exported: Exported, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.txt").write_text("Bread rises.\nThe river widens.\n")
    steps: list[tuple[str, int, int]] = []
    ranges = calibrate(
        exported(task="text-classification"),
        tmp_path / "text.txt",
        "entropy",
        lambda *step: steps.append(step),
        folder=tmp_path,
    )
    assert steps == [("calibrating", 0, 2), ("calibrating", 1, 2)]
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]
    assert all(isinstance(bound, float) for bounds in ranges.values() for bound in bounds)


def test_ranges_are_those_of_the_inputs_of_weight_matmuls(exported: Exported) -> None:
    ranges = calibrate(exported(), CALIBRATION["question-answering"], "min-max")
    assert ranges.keys() == {str(matmul.input.name) for matmul in weight_matmuls(ir.load(exported()))}
