import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from golden import DATA, Exported, pipeline_cases, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.cli import main
from convbert_onnx.runtime import evaluate

CASE = pipeline_cases("plain", "question-answering")[0]
ASK = ("--question", CASE["inputs"]["question"], "--context", CASE["inputs"]["context"])


def invoke(*arguments: Any, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def lines_of(*objects: Any) -> bytes:
    return b"".join(item if isinstance(item, bytes) else json.dumps(item).encode() + b"\n" for item in objects)


def test_run_prints_the_answer_in_its_context(exported: Exported) -> None:
    result = invoke("run", exported(), *ASK)
    assert result.exit_code == 0
    assert result.stdout.startswith(CASE["output"]["answer"])
    assert f"[{CASE['output']['answer']}]" in result.stdout


@pytest.mark.parametrize(
    ("task", "arguments", "expected"),
    [
        ("fill-mask", ("--inputs", "The [MASK] is red."), "score"),
        ("text-classification", ("--inputs", "A fine day."), "score"),
        ("token-classification", ("--inputs", "Ada met Bob.", "-p", "aggregation_strategy=simple"), "characters"),
        ("multiple-choice", ("--prompt", "She sat", "--choices", "down.", "--choices", "blue."), "of 2"),
        ("feature-extraction", ("--inputs", "A fine day.", "-p", "pooling=mean"), "["),
    ],
)
def test_every_task_runs_from_the_command_line(
    exported: Exported, task: str, arguments: tuple[str, ...], expected: str
) -> None:
    result = invoke("run", exported(task=task), *arguments)
    assert result.exit_code == 0, result.stderr
    assert expected in result.stdout


def test_zero_shot_classification_runs_on_a_text_classification_file(exported: Exported) -> None:
    arguments = ("--sequences", "They won the match.", "-p", "candidate_labels=sport,politics")
    result = invoke(
        "run", exported("cased", task="text-classification"), "--task", "zero-shot-classification", *arguments
    )
    assert sorted(line.split()[0] for line in result.stdout.splitlines()) == ["politics", "sport"]


def test_run_json_prints_what_the_pipeline_gives(exported: Exported) -> None:
    result = invoke("run", exported(), *ASK, "--json", "-p", "top_k=2", "--threads", 1)
    pipe = ConvBertOnnxPipeline(exported(), threads=1)
    assert json.loads(result.stdout) == pipe(**CASE["inputs"], top_k=2)


def test_run_says_when_there_is_no_answer(exported: Exported) -> None:
    result = invoke("run", exported(), "--question", "who?", "--context", " ")
    assert result.stdout.startswith("(no answer)")


def test_lines_are_answered_one_by_one_in_order(exported: Exported, tmp_path: Path) -> None:
    cases = pipeline_cases("plain", "question-answering")[:5]
    (tmp_path / "in.jsonl").write_bytes(lines_of(*({"id": i, **case["inputs"]} for i, case in enumerate(cases))))
    result = invoke("run", exported(), "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert result.stdout == ""
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [answer["id"] for answer in answers] == list(range(5))
    assert same_result([answer["result"] for answer in answers], [case["output"] for case in cases])


def test_a_bad_line_is_reported_and_the_others_are_answered(exported: Exported) -> None:
    good = CASE["inputs"]
    bad = [
        b"{\n",
        b'"text"\n',
        b'{"question": "\xff", "context": "x"}\n',
        {"question": "", "context": "x"},
        {"question": "who?"},
        {"question": "who?", "context": 5},
        {"question": "who \ud800?", "context": "x"},
        {"question": "who?", "context": "x", "top_k": 0},
        {"question": "who?", "context": "x", "topk_": 1},
    ]
    result = invoke("run", exported(), "--input", "-", stdin=lines_of(good, *bad, {"id": "\ud800", **good}))
    assert result.exit_code == 1
    assert "9 of 11 lines failed" in result.stderr
    first, *errors, last = (json.loads(line) for line in result.stdout.splitlines())
    assert same_result(first["result"], CASE["output"])
    assert last == {"id": "\ud800", "result": first["result"]}
    assert [error["line"] for error in errors] == list(range(2, 11))
    assert all(error.keys() == {"line", "error"} and "\n" not in error["error"] for error in errors)


def test_lines_may_carry_parameters(exported: Exported) -> None:
    result = invoke("run", exported(), "--input", "-", stdin=lines_of(CASE["inputs"], CASE["inputs"] | {"top_k": 3}))
    one, three = (json.loads(line)["result"] for line in result.stdout.splitlines())
    assert isinstance(one, dict)
    assert len(three) == 3


def test_inspect_tells_what_the_file_says_of_itself(exported: Exported) -> None:
    text = invoke("inspect", exported()).stdout
    assert "question-answering" in text
    assert "3 x SpanDynamicConv" in text
    info = json.loads(invoke("inspect", exported(), "--json").stdout)
    assert info["record"]["worst_difference"] == max(shape["difference"] for shape in info["record"]["validated"])
    assert info["inputs"]["input_ids"] == ["batch", "sequence"]
    assert "none, standard ONNX only" in invoke("inspect", exported(target="portable")).stdout


def test_kernels_can_be_forbidden_and_inspect_tells_of_them(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONVBERT_ONNX_NATIVE", raising=False)
    assert json.loads(invoke("run", exported(), "--no-native", *ASK, "--json").stdout)["answer"]
    assert re.search(r"^kernels +(native|fallback), ", invoke("inspect", exported()).stdout, re.MULTILINE)
    monkeypatch.setenv("CONVBERT_ONNX_NATIVE", "0")
    assert re.search(r"^kernels +fallback, as asked for$", invoke("inspect", exported()).stdout, re.MULTILINE)
    assert re.search(r"^kernels +standard operators only$", invoke("inspect", exported(target="portable")).stdout, re.M)


def test_bench_shows_times_and_operators(exported: Exported) -> None:
    shapes = ("--shape", "1x16", "--shape", "3x8")
    result = invoke("bench", exported(), *shapes, "--repeats", 4, "--threads", 1, "--profile")
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["shape", "runs", "p50", "ms", "p95", "ms", "p99", "ms", "texts/s", "tokens/s"] in lines
    assert [line[:2] for line in lines if line[:1] in (["1x16"], ["3x8"])] == [["1x16", "4"], ["3x8", "4"]]
    assert "operators at 3x8" in result.stdout


def test_bench_json_prints_what_the_library_gives(exported: Exported) -> None:
    arguments = ("--shape", "2x4x16", "--repeats", 3, "--json")
    result = json.loads(invoke("bench", exported(task="multiple-choice"), *arguments).stdout)
    assert [times["shape"] for times in result["shapes"]] == [[2, 4, 16]]
    assert result["shapes"][0]["runs"] == 3
    assert result["providers"] == ["CPUExecutionProvider"]


def test_eval_shows_metrics_and_the_interval_of_the_main_one(exported: Exported) -> None:
    result = invoke("eval", exported(), "--data", DATA / "labelled" / "squad-2.0.json", "--threads", 1)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^data .*squad-2.0.json, 16 examples in [0-9.]+ s$", result.stdout, re.MULTILINE)
    assert re.search(r"^f1 +[0-9.]+ % \(95 % interval [0-9.]+ to [0-9.]+ %, bootstrap\)$", result.stdout, re.MULTILINE)
    assert re.search(r"^exact match +[0-9.]+ %$", result.stdout, re.MULTILINE)


def test_eval_json_prints_what_the_library_gives(exported: Exported) -> None:
    model, data = exported(task="text-classification"), DATA / "labelled" / "polarity.tsv"
    result = json.loads(invoke("eval", model, "--data", data, "--limit", 7, "--batch-size", 2, "--json").stdout)
    expected = asdict(evaluate(model, data, limit=7))
    assert min(result.pop("seconds"), expected.pop("seconds")) > 0
    assert result == json.loads(json.dumps(expected))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "missing.onnx", *ASK), "missing.onnx does not exist"),
        (("run", "{model}", "--question", "", "--context", "x"), "`question` cannot be empty"),
        (("run", "{model}", *ASK, "--provider", "cuda"), "convbert-onnx[gpu]"),
        (("run", "{model}", *ASK, "-p", "top_k=no"), "top_k parameter should be a whole number"),
        (("run", "{model}", "--input", "missing.jsonl"), "missing.jsonl"),
        (("run", "{model}", *ASK, "--task", "ner"), "question-answering, not for token-classification"),
        (("inspect", "missing.onnx"), "missing.onnx does not exist"),
        (("bench", "missing.onnx"), "missing.onnx does not exist"),
        (("bench", "{model}", "--shape", "1x2x3"), "batch x length"),
        (("bench", "{model}", "--provider", "cuda"), "convbert-onnx[gpu]"),
        (("eval", "missing.onnx", "--data", "x.json"), "missing.onnx does not exist"),
        (("eval", "{model}", "--data", "missing.json"), "missing.json is no file"),
        (("eval", "{model}", "--data", str(DATA / "paragraph.txt")), "SQuAD's format is expected"),
    ],
)
def test_a_failure_is_one_line_and_exit_code_1(exported: Exported, arguments: tuple[str, ...], message: str) -> None:
    result = invoke(*(str(exported()) if argument == "{model}" else argument for argument in arguments))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


SHOT = ("--task", "zero-shot-classification", "--sequences", "It falls.")


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("text-classification", (*SHOT, "-p", "candidate_labels=a,b", "-p", "hypothesis_template={x} {}"), "template"),
        ("text-classification", (*SHOT, "-p", "candidate_labels=a,b", "-p", "hypothesis_template={"), "template"),
        ("text-classification", (*SHOT, "-p", "candidate_labels=[2019, 2020]"), "candidate_labels parameter"),
        ("text-classification", ("--inputs", "It.", "-p", "function_to_apply=1"), "function_to_apply parameter"),
        ("feature-extraction", ("--inputs", "It.", "-p", "return_tensors=true", "--json"), "return_tensors"),
        ("fill-mask", ("--inputs", "It [MASK].", "-p", "tokenizer_kwargs=truncation"), "tokenizer_kwargs parameter"),
        ("fill-mask", ("--inputs", "It [MASK].", "-p", "targets=[[]]"), "targets parameter"),
        ("token-classification", ("--inputs", "It.", "-p", "delimiter=[3]"), "delimiter parameter"),
        ("token-classification", ("--inputs", "It.", "-p", "stride=NaN"), "stride parameter"),
    ],
)
def test_a_wrong_parameter_is_one_line_that_names_it(
    exported: Exported, task: str, arguments: tuple[str, ...], message: str
) -> None:
    result = invoke("run", exported("cased", task=task), *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_numbers_are_texts_where_texts_are_wanted(exported: Exported) -> None:
    model = exported("cased", task="text-classification")
    years = invoke("run", model, *SHOT, "-p", "candidate_labels=2020", "--json")
    assert json.loads(years.stdout)["labels"] == ["2020"]
    two = invoke("run", model, *SHOT, "-p", "candidate_labels=2019, 2020", "--json")
    assert sorted(json.loads(two.stdout)["labels"]) == ["2019", "2020"]
    entities = invoke(
        "run", exported(task="token-classification"), "--inputs", "It.", "-p", "ignore_labels=0", "--json"
    )
    assert entities.exit_code == 0


def test_parameters_count_as_given_in_the_call(exported: Exported) -> None:
    result = invoke("run", exported(task="text-classification"), "--inputs", "It.", "-p", "top_k=2", "--json")
    assert [set(label) for label in json.loads(result.stdout)] == [{"label", "score"}] * 2


@pytest.mark.parametrize("arguments", [(), ("--question", "who?", "--input", "-"), ("-p", "top_k", *ASK)])
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert invoke("run", "model.onnx", *arguments).exit_code == 2


@pytest.mark.parametrize("arguments", [("--shape", "1xlong"), ("--shape", ""), ("--repeats", 0), ("--seconds", 0)])
def test_a_bench_of_nothing_is_exit_code_2(arguments: tuple[Any, ...]) -> None:
    assert invoke("bench", "model.onnx", *arguments).exit_code == 2


@pytest.mark.parametrize("arguments", [(), ("--data", "x.json", "--limit", 0)])
def test_an_eval_of_nothing_is_exit_code_2(arguments: tuple[Any, ...]) -> None:
    assert invoke("eval", "model.onnx", *arguments).exit_code == 2


def test_a_failed_run_leaves_no_output_file(tmp_path: Path) -> None:
    result = invoke("run", tmp_path / "missing.onnx", "--input", "-", "--output", tmp_path / "out.jsonl", stdin=b"")
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback() -> None:
    assert isinstance(invoke("--debug", "inspect", "missing.onnx").exception, FileNotFoundError)


def test_the_module_is_the_command(exported: Exported) -> None:
    command = [sys.executable, "-m", "convbert_onnx", "inspect", str(exported()), "--json"]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["record"]["task"]


def test_without_torch_export_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from convbert_onnx.cli import main; main(['export', '--model', 'x', '--task', 'qa'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "Error: exporting needs torch: pip install 'convbert-onnx[cpu,export]'\n"
