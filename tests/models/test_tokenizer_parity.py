"""Both tokenizers compared with the reference's, on real texts and many combinations of arguments."""

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from golden import ARCHITECTURES, CHECKPOINTS, DATA, tokenizer_cases

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.base import TokenizerBase

CLASSES: list[type[TokenizerBase]] = [ConvBertTokenizer, ConvBertTokenizerFast]
TEXTS = [line for line in (DATA / "multilingual.txt").read_text(encoding="utf-8").split("\n") if line]


@pytest.fixture(params=[(kind, name) for kind in CLASSES for name in ARCHITECTURES], ids=str)
def both(request: pytest.FixtureRequest) -> tuple[TokenizerBase, Any]:
    """One of ours, and the reference's for the same checkpoint."""
    kind, architecture = request.param
    directory = CHECKPOINTS / f"{architecture}-question-answering"
    return kind.from_pretrained(directory), transformers.ConvBertTokenizerFast.from_pretrained(directory)


OPTIONS: dict[str, list[Any]] = {
    "add_special_tokens": [True, False],
    "padding": [False, True, "longest", "max_length", "do_not_pad"],
    "truncation": [None, False, True, "only_first", "only_second", "do_not_truncate"],
    "max_length": [None, 5, 12, 40],
    "stride": [0, 1, 3],
    "return_overflowing_tokens": [False, True],
    "return_offsets_mapping": [False, True],
    "return_special_tokens_mask": [False, True],
    "return_token_type_ids": [True, False],
    "return_attention_mask": [True, False],
    "return_tensors": [None, "np"],
}


def results(tokenizer: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a call as lists; None if it is refused, or has arrays of objects for rows of different lengths."""
    try:
        found = tokenizer(*arguments, **options)
    # The reference's library panics on some arguments; a panic is not an Exception.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | pytest.fail.Exception):
            raise
        assert not isinstance(tokenizer, TokenizerBase) or isinstance(error, InputError)
        return None
    assert all(isinstance(value, np.ndarray) == (options["return_tensors"] == "np") for value in found.values())
    if options["return_tensors"] and any(value.dtype == object for value in found.values()):
        return None
    return {name: np.array(value).tolist() if options["return_tensors"] else value for name, value in found.items()}


@pytest.mark.filterwarnings("ignore")
def test_calls_give_the_references_values(both: tuple[TokenizerBase, Any]) -> None:
    ours, reference = both
    chosen = random.Random(7)
    lines = [line[:120] for line in TEXTS] + ["", "[MASK] of [SEP]", "one"]
    refused = 0
    for _ in range(400):
        options = {name: chosen.choice(values) for name, values in OPTIONS.items()}
        texts = chosen.sample(lines, chosen.randint(1, 4))
        pairs = chosen.sample(lines, len(texts))
        calls: list[tuple[Any, ...]] = [(texts,), (texts, pairs), (texts[0],), (texts[0], pairs[0])]
        arguments = chosen.choice(calls)
        expected = results(reference, arguments, options)
        assert results(ours, arguments, options) == expected, (arguments, options)
        refused += expected is None
    assert refused < 200  # otherwise too little was compared


def test_the_comparison_sees_a_difference() -> None:
    plain, cased = (
        ConvBertTokenizer.from_pretrained(CHECKPOINTS / f"{name}-question-answering") for name in ("plain", "cased")
    )
    options = {"return_tensors": None}
    assert results(plain, (TEXTS[:1],), options) != results(cased, (TEXTS[:1],), options)


def test_decoding_gives_the_references_text(both: tuple[TokenizerBase, Any]) -> None:
    ours, reference = both
    chosen = random.Random(3)
    said = ["i do not know , don ' t you ?", "it 's , we 've . they 're n't i 'm ! [MASK] ##s", "##a ##b a . ##. ' '"]
    sequences = [reference(text)["input_ids"] for text in [*TEXTS, *said]]
    sequences += [[chosen.randrange(ours.vocab_size + 3) for _ in range(chosen.randint(0, 12))] for _ in range(500)]
    sequences += [reference.convert_tokens_to_ids(text.split()) for text in said]
    for ids, skip, clean in itertools.product(sequences, (False, True), (False, True)):
        options = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
        assert ours.decode(ids, **options) == reference.decode(ids, **options)
    assert ours.decode(np.array(sequences[0])) == reference.decode(sequences[0])
    assert ours.decode(5) == reference.decode(5)
    assert ours.decode(sequences[0]) != reference.decode(sequences[0], skip_special_tokens=True)


def test_the_other_methods_are_the_references(both: tuple[TokenizerBase, Any], tmp_path: Path) -> None:
    ours, fast = both
    slow = transformers.ConvBertTokenizer.from_pretrained(fast.name_or_path)
    for one, other in (([5, 6, 7], [8]), ([5], None), ([], [])):
        for name in ("build_inputs_with_special_tokens", "create_token_type_ids_from_sequences"):
            assert getattr(ours, name)(one, other) == getattr(slow, name)(one, other)
        assert ours.get_special_tokens_mask(one, other) == slow.get_special_tokens_mask(one, other)
    row = [2, 7, 1, 8, 3]
    expected = slow.get_special_tokens_mask(row, already_has_special_tokens=True)
    assert ours.get_special_tokens_mask(row, already_has_special_tokens=True) == expected
    assert ours.get_vocab() == fast.get_vocab() == slow.get_vocab()
    assert sorted(ours.all_special_ids) == sorted(fast.all_special_ids)
    for role in ("pad", "unk", "cls", "sep", "mask"):
        assert getattr(ours, f"{role}_token") == getattr(fast, f"{role}_token")
        assert getattr(ours, f"{role}_token_id") == getattr(fast, f"{role}_token_id")
    for text in TEXTS:
        tokens = fast.tokenize(text)
        assert ours.tokenize(text) == tokens
        assert ours.tokenize(text, "two", add_special_tokens=True) == fast.tokenize(
            text, pair="two", add_special_tokens=True
        )
        assert ours.convert_tokens_to_ids(tokens) == fast.convert_tokens_to_ids(tokens)
        assert ours.convert_tokens_to_string(tokens) == fast.convert_tokens_to_string(tokens)
        assert ours.convert_ids_to_tokens(ours.convert_tokens_to_ids(tokens)) == tokens
    assert ours.convert_tokens_to_ids("no such token") == fast.convert_tokens_to_ids("no such token")
    for folder, tokenizer in (("ours", ours), ("theirs", slow)):
        (tmp_path / folder).mkdir()
        (path,) = tokenizer.save_vocabulary(str(tmp_path / folder), "small")
        assert path == str(tmp_path / folder / "small-vocab.txt")
    written = [(tmp_path / folder / "small-vocab.txt").read_bytes() for folder in ("ours", "theirs")]
    assert written[0] == written[1]


@pytest.mark.parametrize("kind", CLASSES)
def test_the_reference_reads_what_is_saved(kind: type[TokenizerBase], tmp_path: Path) -> None:
    kind.from_pretrained(CHECKPOINTS / "cased-question-answering").save_pretrained(tmp_path)
    reference = transformers.ConvBertTokenizerFast.from_pretrained(tmp_path)
    for case in tokenizer_cases("cased"):
        assert reference(case["text"], case.get("pair"))["input_ids"] == case["ids"]
