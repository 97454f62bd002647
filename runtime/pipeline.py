"""ConvBertOnnxPipeline: an exported model, from text to answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConvBertError, InputError
from convbert_onnx.runtime.encoding import Encoding, IntArray
from convbert_onnx.runtime.feature_extraction import FeatureExtraction
from convbert_onnx.runtime.fill_mask import FillMask
from convbert_onnx.runtime.kernels import Native, describe_kernels
from convbert_onnx.runtime.model import Outputs, open_model
from convbert_onnx.runtime.multiple_choice import MultipleChoice
from convbert_onnx.runtime.parameters import whole_number
from convbert_onnx.runtime.providers import ProviderSpec
from convbert_onnx.runtime.question_answering import QuestionAnswering
from convbert_onnx.runtime.task_pipeline import TaskPipeline
from convbert_onnx.runtime.text_classification import TextClassification
from convbert_onnx.runtime.token_classification import TokenClassification
from convbert_onnx.runtime.tokenizer_base import TokenizerBase
from convbert_onnx.runtime.zero_shot_classification import ZeroShotClassification
from convbert_onnx.tasks import SECOND_USES

__all__ = ["ConvBertOnnxPipeline"]

_PIPELINES: dict[str, type[TaskPipeline[Any, Any]]] = {
    "feature-extraction": FeatureExtraction,
    "fill-mask": FillMask,
    "text-classification": TextClassification,
    "zero-shot-classification": ZeroShotClassification,
    "multiple-choice": MultipleChoice,
    "token-classification": TokenClassification,
    "question-answering": QuestionAnswering,
}


@dataclass(frozen=True)
class _Job:
    """An example on its way through the model."""

    example: Any
    parameters: Any
    rows: list[Encoding]


class ConvBertOnnxPipeline:
    """An exported model with its tokenizer, called as the reference's pipeline for the task is.

    Args:
        path: an exported file, or a directory with ``model.onnx``, ``config.json`` and ``tokenizer.json``.
        task: name or short name of the task; by default what the file says.
        providers: where to run: onnxruntime's names or "cpu", "cuda", "tensorrt", alone or as (name, options); the CPU
            by default.
        threads: threads that compute one operator; by default the physical cores this process may use.
        tokenizer: a tokenizer, or a directory with one, instead of the file's own.
        config: a config instead of the file's own.
        session_options: an ``onnxruntime.SessionOptions`` that is taken as it is; ``threads`` is then left to it.
        native: True demands the native kernels of our operators, False forbids them, "auto" takes them where they can
            be had. By default what the environment variable ``CONVBERT_ONNX_NATIVE`` says (1, 0, auto), else "auto".
        batch_size: most rows in a batch. By default a batch is limited by its tokens, and of an iterator's examples
            one is taken at a time.
        parameters: defaults for the parameters of calls.

    Attributes:
        session: the ``onnxruntime.InferenceSession``.
        tokenizer: the tokenizer.
        config: sizes and labels.
        task: name of the task.
        max_length: longest row in tokens, special ones included.
        info: what runs where, as JSON could hold it.

    Raises:
        FileMissingError: there is no such file, or no model, tokenizer or config to be found.
        BundleError: the file is no model that can be run here, or not one for the task.
        ProviderError: a provider that was asked for is not active.
        KernelsError: the native kernels were demanded, and cannot be used.
        InputError: a task or parameter that does not exist.
    """

    def __init__(
        self,
        path: str | Path,
        task: str | None = None,
        providers: str | Sequence[ProviderSpec] | None = None,
        threads: int | None = None,
        *,
        tokenizer: TokenizerBase | str | Path | None = None,
        config: ConvBertConfig | None = None,
        session_options: Any = None,
        native: Native | None = None,
        batch_size: int | None = None,
        **parameters: Any,
    ) -> None:
        if threads is not None:
            whole_number("threads", threads, 1)
        self._model = open_model(
            path,
            SECOND_USES.get(task, task) if task else None,
            providers=providers,
            threads=threads,
            tokenizer=tokenizer,
            config=config,
            session_options=session_options,
            native=native,
        )
        self.session = self._model.session
        self.tokenizer = self._model.tokenizer
        self.config = self._model.config
        self.max_length = self._model.max_length
        self.task = task if task in SECOND_USES else self._model.task.name
        self._task = _PIPELINES[self.task](self.tokenizer, self.config, self._model.max_length)
        self._defaults = {"batch_size": batch_size, **parameters}
        self._split({})  # wrong defaults are told now, not at the first call

    @property
    def info(self) -> dict[str, Any]:
        """What runs where: file, task, precision, target, providers, threads, and how our operators are computed."""
        record = self._model.bundle.record if self._model.bundle else None
        return {
            "file": str(self._model.path),
            "task": self.task,
            "precision": record.precision if record else "unknown",
            "target": record.target if record else "unknown",
            "padding": record.padding if record else "unknown",
            "providers": self.session.get_providers(),
            "threads": self.session.get_session_options().intra_op_num_threads,
            "kernels": describe_kernels(self._model.kernels, record),
        }

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model on one example, a list of them or an iterator of them.

        Arguments and parameters are those of the task's pipeline. One example gives one result, several give a list,
        an iterator gives an iterator that reads on as results are taken from it.

        Raises:
            InputError: an input or parameter is wrong, missing or of the wrong type.
            RunError: the engine failed.
        """
        if len(args) == 2 and self._task.second_argument is not None:
            kwargs[self._task.second_argument] = args[1]
            args = args[:1]
        arguments, parameters, batch_size = self._split(kwargs)
        items = self._task.examples(parameters, *args, **arguments)
        if isinstance(items, Iterator):
            return self._stream(items, parameters, batch_size)
        if isinstance(items, list):
            return self._run([self._job(item, parameters) for item in items], batch_size)
        return self._run([self._job(items, parameters)], batch_size)[0]

    def answer_each(self, calls: Iterable[Mapping[str, Any]], batch_size: int | None = None) -> list[Any]:
        """The result of each call, given as its keyword arguments, or the error that it raised.

        One example per call; they share batches, so this is faster than calling one after the other.

        Raises:
            RunError: the engine failed.
        """
        jobs: list[_Job | ConvBertError] = []
        for call in calls:
            try:
                arguments, parameters, _ = self._split(call)
                jobs.append(self._job(arguments, parameters))
            except ConvBertError as error:
                jobs.append(error)
        results = iter(self._run([job for job in jobs if isinstance(job, _Job)], batch_size))
        return [next(results) if isinstance(job, _Job) else job for job in jobs]

    def outputs(self, rows: Sequence[Encoding], batch_size: int | None = None) -> list[Outputs]:
        """The model's outputs for rows of tokens, as they are: for what no parameter of the task's pipeline gives.

        Args:
            rows: each at most ``max_length`` tokens long.
            batch_size: most rows in a batch; by default a batch is limited by its tokens.

        Returns:
            The arrays of each row by the names of the task's outputs, without padding.

        Raises:
            RunError: the engine failed.
        """
        return self._model.run(rows, batch_size)

    def outputs_each(self, calls: Iterable[Mapping[str, Any]], batch_size: int | None = None) -> list[list[Outputs]]:
        """The model's outputs for the rows of each call, given as its keyword arguments, before they become a result.

        Raises:
            InputError: an input or parameter is wrong or missing.
            RunError: the engine failed.
        """
        jobs = self._jobs(calls)
        outputs = iter(self.outputs([row for job in jobs for row in job.rows], batch_size))
        return [list(islice(outputs, len(job.rows))) for job in jobs]

    def inputs_each(self, calls: Iterable[Mapping[str, Any]]) -> list[dict[str, IntArray]]:
        """The session's inputs for the rows of all calls, given as their keyword arguments; each row is a batch.

        Raises:
            InputError: an input or parameter is wrong or missing.
        """
        return [self._model.feed([row]) for job in self._jobs(calls) for row in job.rows]

    def _jobs(self, calls: Iterable[Mapping[str, Any]]) -> list[_Job]:
        jobs = []
        for call in calls:
            arguments, parameters, _ = self._split(call)
            jobs.append(self._job(arguments, parameters))
        return jobs

    def _split(self, kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], Any, int | None]:
        """Arguments of the task, its parameters, and the batch size."""
        names = {field.name for field in fields(self._task.parameters)}
        values = self._defaults | dict(kwargs)
        batch_size = values.pop("batch_size")
        if batch_size is not None:
            whole_number("batch_size", batch_size, 1)
        parameters = {name: values.pop(name) for name in names & values.keys()}
        if unknown := values.keys() - set(self._task.arguments):
            known = ", ".join(sorted({*self._task.arguments, *names, "batch_size"}))
            raise InputError(f"there is no argument {', '.join(sorted(unknown))}; there are {known}")
        given = {
            name: value for name, value in parameters.items() if value is not None or name in self._task.keeps_none
        }
        return values, self._task.parameters(**given), batch_size

    def _job(self, item: Any, parameters: Any) -> _Job:
        example = self._task.example(item)
        rows = self._task.encode(example, parameters)
        self.tokenizer.check_rows(rows, self.config)
        return _Job(example, parameters, rows)

    def _run(self, jobs: Sequence[_Job], batch_size: int | None) -> list[Any]:
        rows = [row for job in jobs for row in job.rows]
        outputs = iter(self._model.run(rows, batch_size))
        return [
            self._task.decode(job.example, job.parameters, job.rows, list(islice(outputs, len(job.rows))))
            for job in jobs
        ]

    def _stream(self, items: Iterator[Any], parameters: Any, batch_size: int | None) -> Iterator[Any]:
        while chunk := list(islice(items, batch_size or 1)):
            yield from self._run([self._job(item, parameters) for item in chunk], batch_size)
