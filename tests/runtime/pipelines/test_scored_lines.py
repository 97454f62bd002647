"""Results with scores, as lines of text."""

from convbert_onnx.runtime.pipelines.scored_lines import scored_line, scored_lines


def test_scored_line_has_three_digits() -> None:
    assert scored_line("Sahara", 0.98765) == "Sahara  score 0.988"
    assert scored_line("Sahara", 1.2345e-7) == "Sahara  score 1.23e-07"


def test_scored_lines_flattens_lists_and_shows_characters() -> None:
    token = {"entity": "B-LOC", "word": "Sahara", "score": 0.5, "start": 4, "end": 10}
    group = {"entity_group": "LOC", "word": "Sahara", "score": 0.5}
    lines = scored_lines([[token], [], group], "entity", "entity_group", "word")
    assert lines.splitlines() == [
        "B-LOC  Sahara  score 0.5, characters 4 to 10",
        "(nothing)",
        "LOC  Sahara  score 0.5",
    ]
