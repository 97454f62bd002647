"""Each script in examples/ runs on a toy model of its task, as a user would call it."""

import subprocess
import sys
from pathlib import Path

from golden import DATA, TASKS, Exported

EXAMPLES = Path(__file__).parents[2] / "examples"


def output_of(script: str, *arguments: str | Path) -> list[str]:
    command = [sys.executable, EXAMPLES / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.splitlines()


def test_every_task_has_an_example() -> None:
    scripts = {script.name for script in EXAMPLES.glob("*.py")}
    assert scripts == {f"{task.replace('-', '_')}.py" for task in TASKS} | {"directory_of_files.py"}


def test_question_answering_prints_two_answers_per_question(exported: Exported) -> None:
    lines = output_of("question_answering.py", exported(task="question-answering"))
    assert [line for line in lines if line.endswith("?")] == [lines[0], lines[3], lines[6]]
    assert len(lines) == 9


def test_text_classification_prints_all_labels(exported: Exported) -> None:
    lines = output_of("text_classification.py", exported(task="text-classification"))
    assert {line.split()[1] for line in lines[1:4]} == {"positive", "neutral", "negative"}


def test_token_classification_prints_entities_of_the_text(exported: Exported) -> None:
    lines = output_of("token_classification.py", exported(task="token-classification"))
    assert lines
    assert all(line.split()[1] in ("LOC", "MISC", "ORG", "PER") for line in lines)


def test_fill_mask_prints_three_words_and_the_better_one_of_two(exported: Exported) -> None:
    lines = output_of("fill_mask.py", exported(task="fill-mask"))
    assert len(lines) == 4
    assert lines[3] in ("of two words: product", "of two words: guard")


def test_multiple_choice_prints_choices_by_probability(exported: Exported) -> None:
    scores = [float(line.split()[0]) for line in output_of("multiple_choice.py", exported(task="multiple-choice"))]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)


def test_feature_extraction_prints_similarities_in_order(exported: Exported) -> None:
    lines = output_of("feature_extraction.py", exported(task="feature-extraction"))
    similarities = [float(line.split()[0]) for line in lines]
    assert len(similarities) == 3
    assert similarities == sorted(similarities, reverse=True)


def test_directory_of_files_answers_or_explains_each_file(exported: Exported, tmp_path: Path) -> None:
    paragraph = (DATA / "paragraph.txt").read_text(encoding="utf-8")
    (tmp_path / "a.txt").write_text(paragraph, encoding="utf-8")
    (tmp_path / "b.txt").touch()
    (tmp_path / "c.txt").write_text(paragraph * 5, encoding="utf-8")
    lines = output_of("directory_of_files.py", exported(task="question-answering"), tmp_path, "Where is it from?")
    assert [line.split(":")[0] for line in lines] == ["a.txt", "b.txt", "c.txt"]
    assert "`context` cannot be empty" in lines[1]
