"""Running a model where torch, onnx and transformers cannot be imported."""

import subprocess
import sys

from golden import Exported, pipeline_cases

HEAVY = ("torch", "onnx", "onnx_ir", "onnxscript", "safetensors", "transformers", "optimum")


def test_model_runs_without_export_dependencies(exported: Exported) -> None:
    case = pipeline_cases("plain", "question-answering")[0]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))\n"
        "from convbert_onnx import ConvBertOnnxPipeline\n"
        f"print(ConvBertOnnxPipeline({str(exported())!r})(**{case['inputs']!r})['answer'])"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert output.decode().strip() == case["output"]["answer"]


def test_running_a_model_does_not_import_evaluation(exported: Exported) -> None:
    code = (
        "import sys\n"
        "from convbert_onnx.runtime import ConvBertOnnxPipeline\n"
        f"ConvBertOnnxPipeline({str(exported())!r})('Where?', 'In Denver.')\n"
        "assert not [name for name in sys.modules if '.evaluation' in name or '.benchmarking' in name]\n"
        "import convbert_onnx.runtime.evaluation.base\n"
        "assert [name for name in sys.modules if '.evaluation' in name]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
