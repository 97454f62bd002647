from pathlib import Path

import pytest

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.json_files import read_json_object, read_text


def test_an_object_is_parsed() -> None:
    assert read_json_object('{"a": [1, null]}', "x.json") == {"a": [1, None]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "a JSON object"),
        ("null", "a JSON object"),
    ],
)
def test_other_texts_are_refused_with_the_name_of_the_file(text: str, reason: str) -> None:
    with pytest.raises(BundleError, match=rf"x\.json cannot be read, it .*{reason}"):
        read_json_object(text, "x.json")


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("é", encoding="utf-8-sig")
    assert read_text(tmp_path / "a") == "é"


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BundleError, match="not UTF-8"):
        read_text(tmp_path / "a")
