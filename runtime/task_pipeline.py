"""What the pipeline of a task consists of; each task fills it in, in a file of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, TypeVar

from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.tokenizer_base import TokenizerBase

__all__ = ["TaskPipeline"]

Example = TypeVar("Example")
Parameters = TypeVar("Parameters")


class TaskPipeline(ABC, Generic[Example, Parameters]):
    """The task's side of a pipeline: from a call's arguments to rows, and from outputs to results.

    Args:
        tokenizer: the model's tokenizer.
        max_length: longest row in tokens.

    Attributes:
        arguments: names under which a call gives its examples.
        parameters: a frozen dataclass of what a caller can set; making one checks it.
    """

    arguments: ClassVar[tuple[str, ...]]
    parameters: ClassVar[type[Any]]

    def __init__(self, tokenizer: TokenizerBase, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length

    @abstractmethod
    def inputs(self, *args: Any, **arguments: Any) -> list[Any] | Iterator[Any]:
        """The examples in a call, unchecked; an iterator is passed on as it is."""

    @abstractmethod
    def example(self, item: Any) -> Example:
        """One example, checked."""

    @abstractmethod
    def encode(self, example: Example, parameters: Parameters) -> list[Encoding]:
        """The rows of input for an example, at least one."""

    @abstractmethod
    def decode(self, example: Example, parameters: Parameters, rows: list[Encoding], outputs: list[Outputs]) -> Any:
        """The result for an example, as JSON could hold it."""
