import json
from pathlib import Path

import pytest
from command_line import ASK, CASE, invoke, json_lines
from golden import DATA, Exported, pipeline_cases, same_result

from convbert_onnx import ConvBertOnnxPipeline


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


def test_run_json_equals_the_pipeline_result(exported: Exported) -> None:
    result = invoke("run", exported(), *ASK, "--json", "-p", "top_k=2", "--threads", 1)
    pipe = ConvBertOnnxPipeline(exported(), threads=1)
    assert json.loads(result.stdout) == pipe(**CASE["inputs"], top_k=2)


def test_run_shows_no_answer(exported: Exported) -> None:
    result = invoke("run", exported(), "--question", "who?", "--context", " ")
    assert result.stdout.startswith("(no answer)")


def test_json_lines_are_answered_in_order(exported: Exported, tmp_path: Path) -> None:
    cases = pipeline_cases("plain", "question-answering")[:5]
    (tmp_path / "in.jsonl").write_bytes(json_lines(*({"id": i, **case["inputs"]} for i, case in enumerate(cases))))
    result = invoke("run", exported(), "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert result.stdout == ""
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [answer["id"] for answer in answers] == list(range(5))
    assert same_result([answer["result"] for answer in answers], [case["output"] for case in cases])


def test_a_bad_line_gets_an_error_and_the_others_an_answer(exported: Exported) -> None:
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
    result = invoke("run", exported(), "--input", "-", stdin=json_lines(good, *bad, {"id": "\ud800", **good}))
    assert result.exit_code == 1
    assert "9 of 11 lines failed" in result.stderr
    first, *errors, last = (json.loads(line) for line in result.stdout.splitlines())
    assert same_result(first["result"], CASE["output"])
    assert last == {"id": "\ud800", "result": first["result"]}
    assert [error["line"] for error in errors] == list(range(2, 11))
    assert all(error.keys() == {"line", "error"} and "\n" not in error["error"] for error in errors)


def test_lines_may_carry_parameters(exported: Exported) -> None:
    result = invoke("run", exported(), "--input", "-", stdin=json_lines(CASE["inputs"], CASE["inputs"] | {"top_k": 3}))
    one, three = (json.loads(line)["result"] for line in result.stdout.splitlines())
    assert isinstance(one, dict)
    assert len(three) == 3


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
def test_an_invalid_parameter_is_named_in_one_line(
    exported: Exported, task: str, arguments: tuple[str, ...], message: str
) -> None:
    result = invoke("run", exported("cased", task=task), *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_numbers_become_strings_where_the_parameter_is_a_string(exported: Exported) -> None:
    model = exported("cased", task="text-classification")
    years = invoke("run", model, *SHOT, "-p", "candidate_labels=2020", "--json")
    assert json.loads(years.stdout)["labels"] == ["2020"]
    two = invoke("run", model, *SHOT, "-p", "candidate_labels=2019, 2020", "--json")
    assert sorted(json.loads(two.stdout)["labels"]) == ["2019", "2020"]
    entities = invoke(
        "run", exported(task="token-classification"), "--inputs", "It.", "-p", "ignore_labels=0", "--json"
    )
    assert entities.exit_code == 0


def test_parameters_count_as_set_by_the_call(exported: Exported) -> None:
    result = invoke("run", exported(task="text-classification"), "--inputs", "It.", "-p", "top_k=2", "--json")
    assert [set(label) for label in json.loads(result.stdout)] == [{"label", "score"}] * 2


@pytest.mark.parametrize("arguments", [(), ("--question", "who?", "--input", "-"), ("-p", "top_k", *ASK)])
def test_invalid_run_options_are_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert invoke("run", "model.onnx", *arguments).exit_code == 2


def test_a_failed_run_leaves_no_output_file(tmp_path: Path) -> None:
    result = invoke("run", tmp_path / "missing.onnx", "--input", "-", "--output", tmp_path / "out.jsonl", stdin=b"")
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("top_k", 2),
        ("=3", 2),
        ("top k=3", 2),
        ("path=x", 2),
        ("self=1", 2),
        ("native=false", 2),
        ("session_options=1", 2),
        ("tokenizer=x", 2),
        ("top_k=", 1),
        ("top_k=NaN", 1),
        ("top_k=1e400", 1),
        (f"top_k={'9' * 5000}", 1),
        (f"top_k={'[' * 100_000}", 1),
        ("top_k={}", 1),
        ("nothing=1", 1),
        ("top_k=2", 0),
    ],
)
def test_malformed_parameters_are_reported_in_one_line(exported: Exported, parameter: str, code: int) -> None:
    result = invoke("run", exported(), *ASK, "-p", parameter)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "bug" not in result.stderr
    assert code != 1 or result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "-", "--resume"), "--resume needs --output with a file"),
        (("--input", "-", "--output", "-", "--resume"), "--resume needs --output with a file"),
        (("--input", "-", "--output", "/dev/null", "--resume"), "--resume needs --output with a file"),
        ((*ASK, "--resume"), "--resume needs --input with a file"),
        ((*ASK, "--output", "x.jsonl"), "--output needs --input with a file"),
        (("--input", "-", "--output", str(DATA)), "is a directory: name a file"),
    ],
)
def test_options_that_exclude_each_other_are_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    result = invoke("run", "model.onnx", *arguments, stdin=b"")
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_context_may_be_passed_as_a_parameter(exported: Exported) -> None:
    result = invoke("run", exported(), "--question", "Where?", "-p", "context=It falls on the Amazon.")
    assert result.exit_code == 0, result.stderr
    assert "Amazon" in result.stdout
