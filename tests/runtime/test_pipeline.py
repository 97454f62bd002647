"""What all pipelines share."""

import threading
from pathlib import Path

import onnxruntime
import pytest
from golden import (
    ARCHITECTURES,
    CHECKPOINTS,
    Exported,
    batches,
    inputs_of,
    pipeline_cases,
    relative_difference,
    same_result,
)

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline, ConvBertTokenizerFast
from convbert_onnx.errors import InputError, InputTypeError, RunError

TOLERANCE = 5e-5
OUTPUTS = ("start_logits", "end_logits")


def test_info_says_what_runs_where(exported: Exported) -> None:
    path = exported()
    pipe = ConvBertOnnxPipeline(path, threads=1, native=False)
    assert pipe.info == {
        "file": str(path),
        "task": "question-answering",
        "precision": "fp32",
        "target": "cpu",
        "padding": "masked",
        "providers": ["CPUExecutionProvider"],
        "threads": 1,
        "kernels": "fallback, as asked for",
    }
    assert ConvBertOnnxPipeline(exported(target="portable")).info["kernels"] == "standard operators only"
    assert isinstance(pipe.session, onnxruntime.InferenceSession)
    assert isinstance(pipe.tokenizer, ConvBertTokenizerFast)
    assert pipe.config == ConvBertConfig.from_pretrained(CHECKPOINTS / "plain-question-answering")
    assert pipe.task == "question-answering"


def test_session_options_are_taken_as_they_are(exported: Exported) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    pipe = ConvBertOnnxPipeline(exported(), session_options=options)
    assert pipe.session.get_session_options().get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize(("threads", "error"), [(0, InputError), ("2", InputTypeError)])
def test_an_impossible_number_of_threads_is_refused(exported: Exported, threads: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="threads parameter"):
        ConvBertOnnxPipeline(exported(), threads=threads)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_logits_are_those_of_the_row_alone(exported: Exported, architecture: str, target: str) -> None:
    session = ConvBertOnnxPipeline(exported(architecture, target)).session
    compared = 0
    for batch in batches(architecture, "question-answering"):
        for name in OUTPUTS:
            (logits,) = session.run([name], inputs_of(batch))
            for row in range(len(logits)):
                alone = batch.get(f"row{row}.{name}", batch[name][row : row + 1])
                assert relative_difference(logits[row : row + 1, : alone.shape[1]], alone) < TOLERANCE
                compared += f"row{row}.{name}" in batch
    assert compared == 2 * 5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_exported_as_trained_are_those_of_the_padded_batch(exported: Exported, architecture: str) -> None:
    session = ConvBertOnnxPipeline(exported(architecture, padding="as-trained")).session
    for batch in batches(architecture, "question-answering"):
        for name in OUTPUTS:
            (logits,) = session.run([name], inputs_of(batch))
            assert relative_difference(logits, batch[name]) < TOLERANCE


def test_both_comparisons_notice_the_other_padding(exported: Exported) -> None:
    batch = batches("plain", "question-answering")[2]
    for padding, expected in (("masked", batch["start_logits"][2:, :29]), ("as-trained", batch["row2.start_logits"])):
        session = ConvBertOnnxPipeline(exported(padding=padding)).session
        (logits,) = session.run(["start_logits"], inputs_of(batch))
        assert relative_difference(logits[2:, :29], expected) > 100 * TOLERANCE


def test_a_model_exported_as_trained_batches_equal_lengths_only(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(padding="as-trained"))
    cases = pipeline_cases("plain", "question-answering")[:6]
    assert same_result(pipe([case["inputs"] for case in cases]), [case["output"] for case in cases])


def test_threads_of_a_program_can_share_a_pipeline(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported())
    cases = pipeline_cases("plain", "question-answering")[:8]
    results: dict[int, object] = {}

    def answer(number: int) -> None:
        results[number] = pipe(**cases[number]["inputs"], **cases[number]["kwargs"])

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same_result(results[number], case["output"]) for number, case in enumerate(cases))


def test_a_failure_of_the_engine_is_an_error_of_ours(exported: Exported, tmp_path: Path) -> None:
    tokenizer = ConvBertTokenizerFast.from_pretrained(CHECKPOINTS / "cased-question-answering")
    config = ConvBertConfig(vocab_size=tokenizer.vocab_size)  # a lie: the file has fewer embeddings
    pipe = ConvBertOnnxPipeline(exported("plain"), tokenizer=tokenizer, config=config)
    text = " ".join(case["inputs"]["context"] for case in pipeline_cases("cased", "question-answering")[:20])
    with pytest.raises(RunError, match="onnxruntime failed"):
        pipe(question="who?", context=text)
