"""What all pipelines share."""

import copy
import pickle
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from enum import Enum
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
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


def test_info_describes_file_providers_and_kernels(exported: Exported) -> None:
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


def test_session_options_are_used_unchanged(exported: Exported) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    pipe = ConvBertOnnxPipeline(exported(), session_options=options)
    assert pipe.session.get_session_options().get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize(("threads", "error"), [(0, InputError), ("2", InputTypeError)])
def test_invalid_number_of_threads_is_refused(exported: Exported, threads: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="threads parameter"):
        ConvBertOnnxPipeline(exported(), threads=threads)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_logits_of_masked_exports_equal_those_of_single_rows(
    exported: Exported, architecture: str, target: str
) -> None:
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
def test_logits_exported_as_trained_equal_those_of_the_padded_batch(exported: Exported, architecture: str) -> None:
    session = ConvBertOnnxPipeline(exported(architecture, padding="as-trained")).session
    for batch in batches(architecture, "question-answering"):
        for name in OUTPUTS:
            (logits,) = session.run([name], inputs_of(batch))
            assert relative_difference(logits, batch[name]) < TOLERANCE


def test_comparisons_detect_the_other_padding(exported: Exported) -> None:
    batch = batches("plain", "question-answering")[2]
    for padding, expected in (("masked", batch["start_logits"][2:, :29]), ("as-trained", batch["row2.start_logits"])):
        session = ConvBertOnnxPipeline(exported(padding=padding)).session
        (logits,) = session.run(["start_logits"], inputs_of(batch))
        assert relative_difference(logits[2:, :29], expected) > 100 * TOLERANCE


def test_model_exported_as_trained_batches_equal_lengths_only(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(padding="as-trained"))
    cases = pipeline_cases("plain", "question-answering")[:6]
    assert same_result(pipe([case["inputs"] for case in cases]), [case["output"] for case in cases])


def test_threads_can_share_a_pipeline(exported: Exported) -> None:
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


def test_failure_of_onnxruntime_is_a_run_error(exported: Exported, tmp_path: Path) -> None:
    tokenizer = ConvBertTokenizerFast.from_pretrained(CHECKPOINTS / "cased-question-answering")
    config = ConvBertConfig(vocab_size=tokenizer.vocab_size)  # a lie: the file has fewer embeddings
    pipe = ConvBertOnnxPipeline(exported("plain"), tokenizer=tokenizer, config=config)
    text = " ".join(case["inputs"]["context"] for case in pipeline_cases("cased", "question-answering")[:20])
    with pytest.raises(RunError, match="onnxruntime failed"):
        pipe(question="who?", context=text)


class Numbered:
    """A data set as torch defines it: a length and numbered entries."""

    def __init__(self, entries: list[Any]) -> None:
        self.entries = entries
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> Any:
        self.read.append(number)
        return self.entries[number]


class Choice(Enum):
    """Its class has a length, its members have none."""

    ONE = 1


TEXTS = ["The league announced the two finalists.", "It rained in Denver.", "Short."]


def test_collections_are_lists_and_datasets_are_streams(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"), threads=1)
    expected = pipe(TEXTS)
    for items in (tuple(TEXTS), np.array(TEXTS), dict.fromkeys(TEXTS).keys(), [np.str_(text) for text in TEXTS]):
        assert pipe(items) == expected
    assert pipe([]) == pipe(()) == []
    data = Numbered(TEXTS)
    results = pipe(data)
    assert next(results) == expected[0]
    assert data.read == [0]
    assert list(results) == expected[1:]
    assert list(pipe(data, batch_size=2)) == expected
    assert list(pipe(iter([]))) == []


def test_invalid_examples_are_refused(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"), threads=1)
    wrong = (
        Choice.ONE,
        5,
        None,
        b"x",
        1.5,
        {"a": 1},
        np.array(5),
        np.array([1, 2]),
        [None],
        [iter(TEXTS)],
        [[TEXTS]],
        [TEXTS, 5],
    )
    for items in wrong:
        with pytest.raises(InputTypeError, match=r"inputs|string"):
            pipe(items)
    for stream in (iter([5]), Numbered([b"x"])):
        with pytest.raises(InputTypeError):
            list(pipe(stream))
    answering = ConvBertOnnxPipeline(exported(), threads=1)
    for question, context in ((["a"], [5]), (("a",), (b"b",)), (np.array([1]), "b"), (iter("a"), "b"), ({"a": 1}, "b")):
        with pytest.raises(InputTypeError, match=r"`question`|`context`"):
            answering(question=question, context=context)
    assert answering(question=("a?", "b?"), context=np.array(["c", "d"])) == answering(
        question=["a?", "b?"], context=["c", "d"]
    )


def test_stream_gives_the_results_before_a_failure(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"), threads=1)
    expected = pipe(TEXTS)

    def texts() -> Iterator[str]:
        yield from TEXTS
        raise OSError("the disk is gone")

    for size in (1, 2, 3, 5):
        results = pipe(texts(), batch_size=size)
        assert [next(results) for _ in TEXTS] == expected
        with pytest.raises(OSError, match="the disk is gone"):
            next(results)
        results = pipe(iter([*TEXTS, 5, "x"]), batch_size=size)
        assert [next(results) for _ in TEXTS] == expected
        with pytest.raises(InputTypeError):
            next(results)


def test_answers_are_independent_of_chunks(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = ConvBertOnnxPipeline(exported(), threads=1)
    text = " ".join(case["inputs"]["context"] for case in pipeline_cases("plain", "question-answering")[:5])
    calls = [{"question": "who?", "context": text * times} for times in (1, 2, 1)]
    expected = [pipe(**call) for call in calls]
    monkeypatch.setattr("convbert_onnx.runtime.pipeline._CHUNK_TOKENS", 1000)  # windows of a text in several chunks
    assert same_result(pipe(calls), expected, 1e-5)
    assert same_result(pipe.run_many([*calls, {"question": ""}])[:3], expected, 1e-5)


def test_pickle_contains_path_and_arguments_only(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported("cased", task="text-classification")
    monkeypatch.chdir(path.parent)  # a relative path means the same file in another directory
    pipe = ConvBertOnnxPipeline(path.name, "zero-shot-classification", threads=1, candidate_labels=["a", "b"])
    monkeypatch.chdir(path.parent.parent)
    data = pickle.dumps(pipe)
    assert len(data) < 1000
    for again in (pickle.loads(data), copy.deepcopy(pipe)):
        assert again.session is not pipe.session
        assert again("It falls.") == pipe("It falls.")
        assert again.info == {**pipe.info, "file": str(path)}
        assert again.session.get_session_options().intra_op_num_threads == 1
    assert copy.copy(pipe).session is pipe.session
    tokenizer = ConvBertTokenizerFast.from_pretrained(CHECKPOINTS / "cased-question-answering")
    own = ConvBertOnnxPipeline(path, tokenizer=tokenizer, config=pipe.config, top_k=2)
    assert pickle.loads(pickle.dumps(own))("It falls.") == own("It falls.")


def test_pipeline_can_be_passed_to_a_process(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(), threads=1)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(pipe, "Where?", "In Denver.").result() == pipe("Where?", "In Denver.")


def test_pipeline_with_session_options_cannot_be_pickled(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(), session_options=onnxruntime.SessionOptions())
    with pytest.raises(InputTypeError, match="session_options cannot be pickled"):
        pickle.dumps(pipe)
    assert copy.deepcopy(pipe)("Where?", "In Denver.") == pipe("Where?", "In Denver.")


def test_failed_batch_runs_row_by_row(exported: Exported) -> None:
    tokenizer = ConvBertTokenizerFast.from_pretrained(CHECKPOINTS / "cased-question-answering")
    config = ConvBertConfig(vocab_size=tokenizer.vocab_size)  # a lie: the file has fewer embeddings
    pipe = ConvBertOnnxPipeline(exported("plain"), tokenizer=tokenizer, config=config)
    ids = np.arange(2, 12)
    good = pipe.tokenizer.model_row(pipe.tokenizer.encode_text("a"))
    rows = [replace(good, ids=np.full(len(good), number)) for number in (*ids, 10**6)]
    found = dict(pipe._model.iter_outputs(rows))
    assert sorted(found) == list(range(len(rows)))
    assert [isinstance(found[number], RunError) for number in range(len(rows))] == [False] * len(ids) + [True]


@pytest.mark.parametrize("task", ["fill-mask", "feature-extraction", "token-classification", "question-answering"])
def test_outputs_are_freed_batch_by_batch(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task), threads=1)
    alive: list[weakref.ref[Any]] = []
    most = 0
    run_batch = type(pipe._model)._run_batch

    def watched(model: Any, rows: Any) -> Any:
        nonlocal most
        arrays = run_batch(model, rows)
        alive.extend(weakref.ref(array) for array in arrays)
        most = max(most, sum(one() is not None for one in alive))
        return arrays

    text = "The dust falls on the [MASK]. " * 20
    call = {"question": "Where?", "context": text} if task == "question-answering" else {"inputs": text}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pipe._model), "_run_batch", watched)
        results = pipe.run_many([{**call, "top_k": 1} if task == "fill-mask" else call] * 12, batch_size=2)
    assert not any(isinstance(result, Exception) for result in results)
    assert len(alive) == 6 * len(pipe._model.task_spec.outputs)
    assert most <= 2 * len(pipe._model.task_spec.outputs)
