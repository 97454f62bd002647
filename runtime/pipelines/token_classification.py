"""Labels of tokens and entities (reference: transformers 4.57 ``pipelines/token_classification.py``)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NotRequired, TypedDict

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import CallParameters, NonNegative, warn_caller
from convbert_onnx.runtime.pipelines.base import Examples, TaskPipeline
from convbert_onnx.runtime.pipelines.scored_lines import scored_lines
from convbert_onnx.runtime.pipelines.scores import FloatArray, softmax
from convbert_onnx.runtime.tokenization.encoding import Encoding, Tokens

__all__ = ["PIPELINE", "Entity", "TokenClassification", "TokenClassificationExample", "TokenClassificationParameters"]


class Entity(TypedDict):
    """A token (``entity``, ``index``) or a group of tokens (``entity_group``) with label, score, text and offsets."""

    entity: NotRequired[str]
    entity_group: NotRequired[str]
    score: float
    index: NotRequired[int]
    word: str
    start: int
    end: int


@dataclass(frozen=True)
class TokenClassificationExample:
    """A text, or the words of a text."""

    text: str | tuple[str, ...]


@dataclass(frozen=True)
class TokenClassificationParameters(CallParameters):
    """Parameters of token classification.

    Attributes:
        aggregation_strategy: "none" returns tokens; the others return entities. "simple" joins neighboring tokens with
            one label; "first", "average" and "max" first give all tokens of a word one label: that of the first token,
            of the mean of the scores, or of the highest score.
        ignore_labels: labels that are left out.
        stride: read long texts in windows that overlap by this number of tokens; by default a text is cut at the
            model's maximum length.
        is_split_into_words: inputs are lists of words.
        delimiter: the string between words in the text that offsets refer to.
        offset_mapping: start and end of each token of the row, special tokens included, instead of the tokenizer's
            offsets; for one text.
        grouped_entities: deprecated: True is "simple", or "first" with ``ignore_subwords``.
        ignore_subwords: deprecated, see ``grouped_entities``.
    """

    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] = "none"
    ignore_labels: tuple[str, ...] = ("O",)
    stride: NonNegative | None = None
    is_split_into_words: bool = False
    delimiter: str = " "
    offset_mapping: tuple[tuple[NonNegative, ...], ...] | None = None
    grouped_entities: bool | None = None
    ignore_subwords: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grouped_entities is not None or self.ignore_subwords is not None:
            warn_caller(
                "grouped_entities and ignore_subwords are old names of aggregation_strategy", DeprecationWarning
            )
            grouped = "first" if self.ignore_subwords else "simple"
            object.__setattr__(self, "aggregation_strategy", grouped if self.grouped_entities else "none")
        if self.stride is not None and self.aggregation_strategy == "none":
            raise InputError('stride needs an aggregation_strategy other than "none", which joins the windows')
        if self.stride is not None and self.offset_mapping is not None:
            raise InputError(
                "offset_mapping describes one row, and stride splits a text into several: pass one of them"
            )
        if any(len(pair) != 2 for pair in self.offset_mapping or ()):
            raise InputTypeError("offset_mapping parameter should be a list of pairs, start and end of each token")


@dataclass(frozen=True)
class _Token:
    """A token with the probability of each label."""

    word: str
    scores: FloatArray
    start: int
    end: int
    index: int
    is_subword: bool


class TokenClassification(
    TaskPipeline[TokenClassificationExample, TokenClassificationParameters, list[Entity], list[Entity]]
):
    """Labels of tokens, joined to entities if requested."""

    parameters = TokenClassificationParameters

    def parse_call(self, parameters: TokenClassificationParameters, *args: object, **arguments: object) -> Examples:
        """The texts of a call; with ``is_split_into_words``, a list of words is a list of one text."""
        items = super().parse_call(parameters, *args, **arguments)
        one_text = isinstance(items, list) and not all(isinstance(words, list | tuple) for words in items)
        return [items] if parameters.is_split_into_words and one_text else items

    def parse_example(self, item: object) -> TokenClassificationExample:
        """Check a text: a string, or a list of its words.

        Raises:
            InputTypeError: it is neither.
        """
        words = item["inputs"] if isinstance(item, Mapping) and "inputs" in item else item
        if isinstance(words, list | tuple) and all(isinstance(word, str) for word in words):
            return TokenClassificationExample(tuple(words))
        return TokenClassificationExample(self.parse_text(item))

    def preprocess(
        self, example: TokenClassificationExample, parameters: TokenClassificationParameters
    ) -> list[Encoding]:
        """Encode a text as windows, or without ``stride`` its beginning as one row.

        Raises:
            InputError: ``stride`` is not smaller than the model's maximum length.
            InputTypeError: the input is a list of words and should be a string, or the other way round.
        """
        if isinstance(example.text, tuple) != parameters.is_split_into_words:
            raise InputTypeError("pass is_split_into_words=True with lists of words, and only with them")
        tokens = self._tokens(example, parameters)
        if parameters.stride is not None:
            if parameters.stride >= self.max_length:
                raise InputError(
                    f"stride parameter should be < {self.max_length}, the model's length (got {parameters.stride})"
                )
            rows = self.tokenizer.windows(tokens, self.max_length, parameters.stride)
            # A model whose results depend on padding gets the same padding as in the reference.
            return [replace(row, padded_length=len(rows[0])) for row in rows]
        room = self.max_length - self.tokenizer.num_special_tokens()
        row = self.tokenizer.model_row(self.tokenizer.truncate(tokens, room))
        if parameters.offset_mapping is not None:
            if len(parameters.offset_mapping) != len(row):
                raise InputError(
                    f"offset_mapping has {len(parameters.offset_mapping)} pairs, and the text with special tokens has "
                    f"{len(row)} tokens: pass one pair for each token"
                )
            row = replace(row, offsets=np.array(parameters.offset_mapping, np.int64))
        return [row]

    def postprocess_row(
        self,
        example: TokenClassificationExample,
        parameters: TokenClassificationParameters,
        row: Encoding,
        outputs: Outputs,
    ) -> list[Entity]:
        """The tokens or entities of one window, without ignored labels."""
        text = example.text if isinstance(example.text, str) else parameters.delimiter.join(example.text)
        tokens = self._classified(text, row, softmax(outputs["logits"]))
        if parameters.aggregation_strategy in ("first", "average", "max"):
            entities = [self._word(word, parameters.aggregation_strategy) for word in _words(tokens)]
        else:
            entities = [self._token(token) for token in tokens]
        if parameters.aggregation_strategy != "none":
            entities = [self._entity(group) for group in _groups(entities)]
        return [entity for entity in entities if _label(entity) not in parameters.ignore_labels]

    def postprocess(
        self, example: TokenClassificationExample, parameters: TokenClassificationParameters, parts: list[list[Entity]]
    ) -> list[Entity]:
        """The tokens or entities in the order of the text."""
        entities = [entity for part in parts for entity in part]
        return _without_overlaps(entities) if len(parts) > 1 else entities

    def describe(self, call: Mapping[str, object], result: list[Entity]) -> str:
        """A line for each token or entity."""
        return scored_lines(result, "entity", "entity_group", "word")

    def _tokens(self, example: TokenClassificationExample, parameters: TokenClassificationParameters) -> Tokens:
        if isinstance(example.text, str):
            return self.tokenizer.encode_text(example.text)
        tokens = self.tokenizer.encode_words(example.text)
        lengths = [len(word) + len(parameters.delimiter) for word in example.text]
        starts = np.cumsum([0, *lengths])[tokens.words]
        return replace(tokens, offsets=tokens.offsets + starts[:, None])

    def _classified(self, text: str, row: Encoding, scores: FloatArray) -> list[_Token]:
        tokens = []
        marks_subwords = self.tokenizer.marks_subwords
        for index in np.flatnonzero(row.sequences == 0):
            token_id = int(row.ids[index])
            start, end = (int(offset) for offset in row.offsets[index])
            word = self.tokenizer.convert_ids_to_tokens([token_id])[0]
            after_blank = start == 0 or " " in text[start - 1 : start + 1]
            is_subword = len(word) != end - start if marks_subwords else not after_blank
            if token_id == self.tokenizer.unk_token_id:
                word, is_subword = text[start:end], False
            tokens.append(_Token(word, scores[index], start, end, int(index), is_subword))
        return tokens

    def _token(self, token: _Token) -> Entity:
        best = int(token.scores.argmax())
        return Entity(
            entity=self.config.id2label[best],
            score=float(token.scores[best]),
            index=token.index,
            word=token.word,
            start=token.start,
            end=token.end,
        )

    def _word(self, tokens: list[_Token], strategy: str) -> Entity:
        """Join the tokens of a word under one label."""
        if strategy == "first":
            scores = tokens[0].scores
        elif strategy == "max":
            scores = max(tokens, key=lambda token: float(token.scores.max())).scores
        else:
            scores = np.mean([token.scores for token in tokens], axis=0)
        best = int(scores.argmax())
        return Entity(
            entity=self.config.id2label[best],
            score=float(scores[best]),
            word=self.tokenizer.convert_tokens_to_string([token.word for token in tokens]),
            start=tokens[0].start,
            end=tokens[-1].end,
        )

    def _entity(self, group: list[Entity]) -> Entity:
        """Join a group of neighboring tokens or words."""
        return Entity(
            entity_group=group[0]["entity"].split("-", 1)[-1],
            score=float(np.mean([entity["score"] for entity in group])),
            word=self.tokenizer.convert_tokens_to_string([entity["word"] for entity in group]),
            start=group[0]["start"],
            end=group[-1]["end"],
        )


PIPELINE = TokenClassification


def _label(entity: Entity) -> str:
    return entity["entity"] if "entity" in entity else entity["entity_group"]


def _words(tokens: Iterable[_Token]) -> list[list[_Token]]:
    words: list[list[_Token]] = []
    for token in tokens:
        if words and token.is_subword:
            words[-1].append(token)
        else:
            words.append([token])
    return words


def _groups(entities: Iterable[Entity]) -> list[list[Entity]]:
    """Groups of neighbors with one tag; B- begins a new group, and a label without prefix counts as I-."""
    groups: list[list[Entity]] = []
    for entity in entities:
        begins, tag = _tag(entity["entity"])
        if groups and not begins and tag == _tag(groups[-1][-1]["entity"])[1]:
            groups[-1].append(entity)
        else:
            groups.append([entity])
    return groups


def _tag(label: str) -> tuple[bool, str]:
    return label.startswith("B-"), label[2:] if label.startswith(("B-", "I-")) else label


def _length_and_score(entity: Entity) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]


def _without_overlaps(entities: list[Entity]) -> list[Entity]:
    """Drop overlaps between windows: the longer entity wins, then the higher score."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda entity: entity["start"]):
        if kept and kept[-1]["start"] <= entity["start"] < kept[-1]["end"]:
            kept[-1] = max(kept[-1], entity, key=_length_and_score)
        else:
            kept.append(entity)
    return kept
