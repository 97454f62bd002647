"""What the pipeline of a task consists of; each task fills it in, in a file of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import one_of, whole_number
from convbert_onnx.runtime.tokenizer_base import TokenizerBase
from convbert_onnx.runtime.truncation import TRUNCATION, cut

__all__ = ["Examples", "TaskPipeline"]

Example = TypeVar("Example")
Parameters = TypeVar("Parameters")

Examples = Mapping[str, Any] | list[Any] | Iterator[Any]
"""The examples in a call, unchecked: one as the call's arguments, a list of several, or an iterator over them."""


class TaskPipeline(ABC, Generic[Example, Parameters]):
    """The task's side of a pipeline: from a call's arguments to rows, and from outputs to results.

    Args:
        tokenizer: the model's tokenizer.
        config: sizes and labels.
        max_length: longest row in tokens.

    Attributes:
        arguments: names under which a call gives its examples.
        second_argument: the name of a second positional argument, if a call may have one.
        parameters: a frozen dataclass of what a caller can set; making one checks it.
        keeps_none: parameters for which None is a value; for the others it means the default.
    """

    arguments: ClassVar[tuple[str, ...]] = ("inputs",)
    second_argument: ClassVar[str | None] = None
    parameters: ClassVar[type[Any]]
    keeps_none: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, tokenizer: TokenizerBase, config: ConvBertConfig, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.config = config
        self.max_length = max_length

    def examples(self, parameters: Parameters, *args: Any, **arguments: Any) -> Examples:
        """The examples in a call, by default in its first argument: one, a list or an iterator.

        Raises:
            InputError: there is none, or more than one form.
        """
        name = self.arguments[0]
        if len(args) + len(arguments) != 1:
            raise InputError(f"give one argument, {name}: an example, a list of them or an iterator")
        (items,) = (*args, *arguments.values())
        return items if isinstance(items, list | Iterator) else {name: items}

    @abstractmethod
    def example(self, item: Any) -> Example:
        """One example, checked; ``item`` is the arguments of a call, or an entry of a list."""

    @abstractmethod
    def encode(self, example: Example, parameters: Parameters) -> list[Encoding]:
        """The rows of input for an example, at least one."""

    @abstractmethod
    def decode(self, example: Example, parameters: Parameters, rows: list[Encoding], outputs: list[Outputs]) -> Any:
        """The result for an example, as JSON could hold it."""

    def row(
        self, text: str, text_pair: str | None = None, truncation: bool | str = False, max_length: int | None = None
    ) -> Encoding:
        """The row for a text or a pair of them.

        Args:
            text: the first text.
            text_pair: the second one.
            truncation: how a row that is too long is cut, as the tokenizer's ``truncation``; False forbids it.
            max_length: longest row in tokens; by default, and at most, the model's.

        Raises:
            InputError: the row is too long and must not or cannot be cut.
        """
        one_of("truncation", truncation, TRUNCATION)
        longest = self.max_length
        if max_length is not None:
            whole_number("max_length", max_length, 1)
            longest = min(longest, max_length)
        texts = tuple(self.tokenizer.encode_text(one) for one in (text, text_pair) if one is not None)
        special = self.tokenizer.num_special_tokens(pair=len(texts) == 2)
        length = special + sum(map(len, texts))
        if truncation not in (None, False, "do_not_truncate"):
            strategy = "longest_first" if truncation is True else str(truncation)
            texts = cut(texts, longest - special, 0, strategy, self.tokenizer.truncation_side == "left")[0]
        elif length > self.max_length:
            raise InputError(
                f"the text takes {length} tokens, special ones included, where the model reads {self.max_length}: "
                "shorten it, or pass truncation=True"
            )
        return self.tokenizer.single(*texts) if len(texts) == 1 else self.tokenizer.pair(*texts)

    def text(self, item: Any) -> str:
        """The text that ``item`` is, or that the arguments of a call give.

        Raises:
            InputTypeError: it is no string.
        """
        name = self.arguments[0]
        item = item[name] if isinstance(item, Mapping) and name in item else item
        if not isinstance(item, str):
            raise InputTypeError(f"`{name}` must be a string or a list of them, not {type(item).__name__}")
        return item
