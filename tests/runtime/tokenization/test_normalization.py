import pytest

from convbert_onnx.runtime.tokenization.normalization import BertNormalizer, words


def normalizer(**changes: bool) -> BertNormalizer:
    arguments = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": True, "lowercase": True}
    return BertNormalizer(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "text", "expected"),
    [
        ({}, "Çağ\tÉté", "cag ete"),
        ({}, "a\x00\u200db\ufffd\u3000c", "ab c"),
        ({"clean_text": False}, "a\x00\tB", "a\x00\tb"),
        ({}, "a漢b", "a 漢 b"),
        ({"handle_chinese_chars": False}, "a漢b", "a漢b"),
        ({"strip_accents": False}, "ÇAĞ", "çağ"),
        ({"lowercase": False}, "ÇAĞ", "CAG"),
        ({"strip_accents": False}, "ΟΔΟΣ", "οδοσ"),  # no final sigma: characters are lower-cased separately
        ({"strip_accents": False}, "İ", "i\u0307"),
    ],
)
def test_each_flag_has_its_effect(changes: dict[str, bool], text: str, expected: str) -> None:
    assert normalizer(**changes)(text)[0] == expected


def test_every_character_has_the_index_of_its_origin() -> None:
    text, origins = normalizer()("x\x00É漢")
    assert text == "xe 漢 "
    assert origins.tolist() == [0, 2, 3, 3, 3]
    text, origins = normalizer(strip_accents=False)("aİ")
    assert origins.tolist() == [0, 1, 1]
    assert normalizer()("")[1].tolist() == []


def test_words_end_at_blanks_and_around_punctuation() -> None:
    text = "it's  30%。a_b"
    assert [text[start:end] for start, end in words(text)] == ["it", "'", "s", "30", "%", "。", "a", "_", "b"]
    assert list(words(" \n")) == []
