"""The base class of the tasks' pipelines; each task has a module with its own, named as the task."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import ClassVar, Generic, TypeVar, cast

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError, MissingKeyError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import CallParameters, TokenizerParameters, as_examples, check_string
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Encoding, Tokens
from convbert_onnx.runtime.tokenization.truncation import truncate
from convbert_onnx.tasks import module_name

__all__ = ["Examples", "TaskPipeline", "pipeline_class"]

Example = TypeVar("Example")
Parameters = TypeVar("Parameters", bound=CallParameters)
Part = TypeVar("Part")
Result = TypeVar("Result")

Examples = Mapping[str, object] | list[object] | Iterator[object]
"""The unchecked examples of a call: one as the call's arguments, a list of examples, or an iterator."""


class TaskPipeline(ABC, Generic[Example, Parameters, Part, Result]):
    """The steps of a task's pipeline: from a call's arguments to rows, and from outputs to results.

    Type parameters: a checked example, the parameters of a call, what a result needs of one row, and the result.

    Args:
        tokenizer: the model's tokenizer.
        config: sizes and labels.
        max_length: maximum length of a row in tokens.

    Attributes:
        arguments: names of the arguments that give a call's examples.
        second_argument: the name of the second positional argument, if there is one.
        parameters: a frozen dataclass of the parameters of calls; creating an instance checks them.
    """

    arguments: ClassVar[tuple[str, ...]] = ("inputs",)
    second_argument: ClassVar[str | None] = None
    parameters: ClassVar[type[CallParameters]]

    def __init__(self, tokenizer: TokenizerBase, config: ConvBertConfig, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.config = config
        self.max_length = max_length

    def resolve_parameters(self, parameters: Parameters) -> Parameters:
        """Complete the parameters of a call, once for all its examples.

        Raises:
            InputError: they do not fit the model.
        """
        return parameters

    def parse_call(self, parameters: Parameters, *args: object, **arguments: object) -> Examples:
        """The examples of a call, by default in its first argument: one, a list or an iterator.

        Raises:
            InputError: there is no such argument, or more than one.
        """
        name = self.arguments[0]
        if len(args) + len(arguments) != 1:
            raise InputError(f"give one argument, {name}: an example, a list of them or an iterator")
        (items,) = (*args, *arguments.values())
        examples = as_examples(items)
        return {name: items} if examples is None else examples

    @abstractmethod
    def parse_example(self, item: object) -> Example:
        """Check one example: the arguments of a call, or an entry of a list or iterator."""

    @abstractmethod
    def preprocess(self, example: Example, parameters: Parameters) -> Iterable[Encoding]:
        """Encode an example as rows of tokens, at least one."""

    @abstractmethod
    def postprocess_row(self, example: Example, parameters: Parameters, row: Encoding, outputs: Outputs) -> Part:
        """Reduce one row's outputs to what the result needs, so that the outputs need not be kept.

        ``outputs`` are views of the outputs of a whole batch: copy the parts that are kept.
        """

    @abstractmethod
    def postprocess(self, example: Example, parameters: Parameters, parts: list[Part]) -> Result:
        """Combine the parts of an example's rows, in their order, into its result."""

    @abstractmethod
    def describe(self, call: Mapping[str, object], result: Result) -> str:
        """The result of a call with one example, as lines of text.

        Args:
            call: the call's keyword arguments.
            result: what the pipeline gave for them.
        """

    def encode_row(self, text: str, text_pair: str | None, parameters: TokenizerParameters) -> Encoding:
        """Encode a text or a pair of texts as a row.

        Raises:
            InputError: the row is too long and must not or cannot be cut, or it is empty.
        """
        texts = tuple(self.tokenizer.encode_text(part) for part in (text, text_pair) if part is not None)
        return self.encode_tokens(texts, parameters)

    def encode_tokens(self, texts: tuple[Tokens, ...], parameters: TokenizerParameters) -> Encoding:
        """Encode a text or a pair of texts that are tokens already, as :meth:`encode_row` does.

        Raises:
            InputError: the row is too long and must not or cannot be cut, or it is empty.
        """
        longest = min(self.max_length, parameters.max_length or self.max_length)
        special = self.tokenizer.num_special_tokens(pair=len(texts) == 2) if parameters.add_special_tokens else 0
        length = special + sum(map(len, texts))
        truncation: bool | str | None = parameters.truncation
        if truncation is None:  # as in the tokenizer
            truncation = parameters.max_length is not None and parameters.padding is False
        if truncation not in (False, "do_not_truncate"):
            strategy = "longest_first" if truncation is True else str(truncation)
            texts = truncate(texts, longest - special, 0, strategy, self.tokenizer.truncation_side)[0]
        elif length > self.max_length:
            raise InputError(
                f"the text with special tokens has {length} tokens, which is longer than the model's maximum of "
                f"{self.max_length}: shorten it, or pass truncation=True"
            )
        row = self.tokenizer.model_row(*texts)
        if not parameters.add_special_tokens:
            row = _without_special_tokens(row)
        return self._padded(row, longest, parameters)

    def _padded(self, row: Encoding, longest: int, parameters: TokenizerParameters) -> Encoding:
        if parameters.padding in (False, "do_not_pad"):
            return row
        width = longest if parameters.padding == "max_length" else len(row)
        if parameters.pad_to_multiple_of is not None:
            width += -width % parameters.pad_to_multiple_of
        return replace(row, padded_length=min(width, self.max_length))

    def parse_text(self, item: object) -> str:
        """Check a text, given alone or as the first argument of a call.

        Raises:
            MissingKeyError: the arguments of the call lack it.
            InputTypeError: it is not a string.
        """
        name = self.arguments[0]
        if isinstance(item, Mapping):
            if name not in item:
                raise MissingKeyError(f"`{name}` is missing: an example needs it")
            item = item[name]
        return check_string(name, item)


def pipeline_class(task: str) -> type[TaskPipeline[object, CallParameters, object, object]]:
    """The pipeline of a task: ``PIPELINE`` of the module that is named as the task.

    Args:
        task: the name of a task or of a second use.
    """
    module = import_module(f"convbert_onnx.runtime.pipelines.{module_name(task)}")
    return cast(type[TaskPipeline[object, CallParameters, object, object]], module.PIPELINE)


def _without_special_tokens(row: Encoding) -> Encoding:
    kept = row.sequences >= 0
    if not kept.any():
        raise InputError(
            "the text has no tokens, and without special tokens the row is empty: pass add_special_tokens=True"
        )
    return Encoding(row.ids[kept], row.type_ids[kept], row.sequences[kept], row.offsets[kept], row.words[kept])
