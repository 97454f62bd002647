"""ConvBertOnnxPipeline: an exported model, from text to answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any, Self

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError, InputTypeError, RunError
from convbert_onnx.runtime.batching import TOKEN_BUDGET
from convbert_onnx.runtime.model import Outputs, open_model
from convbert_onnx.runtime.parameters import CallParameters, whole_number
from convbert_onnx.runtime.pipelines.base import pipeline_class
from convbert_onnx.runtime.sessions.kernels import Native, describe_kernels
from convbert_onnx.runtime.sessions.onnxruntime_types import Array, Session, SessionOptions
from convbert_onnx.runtime.sessions.providers import ProviderSpec
from convbert_onnx.runtime.sessions.session import Mmap
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Encoding
from convbert_onnx.tasks import SECOND_USES

__all__ = ["ConvBertOnnxPipeline"]

_CHUNK_TOKENS = 16 * TOKEN_BUDGET
"""Tokens whose rows are in memory at a time, to be sorted by length."""


@dataclass(eq=False)
class _Job:
    """An example on its way through the model.

    Attributes:
        example: from the task's pipeline.
        parameters: of the call.
        rows: the example's rows, made when they are asked for.
        parts: what the result needs of each row that has been read.
        error: the first error of any stage.
    """

    example: Any
    parameters: Any
    rows: Iterator[Encoding]
    parts: list[Any] = field(default_factory=list)
    error: Exception | None = None


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
        mmap: False reads all weights into memory, so that whatever happens to the file later changes nothing; "auto"
            leaves those in the file that can be mapped from it, which takes less memory and time.
        verify: first compare the file with the hashes in its record.
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
        BundleError: the file is not a model that can run here, or not one for the task, or with ``verify`` not as it
            was written.
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
        session_options: SessionOptions | None = None,
        native: Native | None = None,
        mmap: Mmap = "auto",
        verify: bool = False,
        batch_size: int | None = None,
        **parameters: Any,
    ) -> None:
        if threads is not None:
            whole_number("threads", threads, 1)
        options: dict[str, Any] = {
            "providers": providers,
            "threads": threads,
            "tokenizer": tokenizer,
            "config": config,
            "session_options": session_options,
            "native": native,
            "mmap": mmap,
            "verify": verify,
        }
        self._model = open_model(path, SECOND_USES.get(task, task) if task else None, **options)
        self.session: Session = self._model.session
        self.tokenizer = self._model.tokenizer
        self.config = self._model.config
        self.max_length = self._model.max_length
        self.task = task if task in SECOND_USES else self._model.task_spec.name
        self._task_pipeline = pipeline_class(self.task)(self.tokenizer, self.config, self._model.max_length)
        self._defaults = {"batch_size": batch_size, **parameters}
        self._arguments = {"path": self._model.path.absolute(), "task": self.task, **options, **self._defaults}
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

    @property
    def parameters(self) -> dict[str, Any]:
        """The defaults for the parameters of calls."""
        return {name: value for name, value in self._defaults.items() if name != "batch_size"}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model on one example, a list of them or an iterator of them.

        Arguments and parameters are those of the task's pipeline. One example gives one result, several give a list,
        an iterator gives an iterator that reads on as results are taken from it.

        Raises:
            InputError: an input or parameter is wrong, missing or of the wrong type.
            RunError: the engine failed.
        """
        if len(args) == 2 and self._task_pipeline.second_argument is not None:
            kwargs[self._task_pipeline.second_argument] = args[1]
            args = args[:1]
        arguments, parameters = self._split(kwargs)
        items = self._task_pipeline.parse_call(parameters, *args, **arguments)
        if isinstance(items, Iterator):
            return self._stream(items, parameters)
        if isinstance(items, list):
            return [self._result(job) for job in self._run([self._job(item, parameters) for item in items])]
        (job,) = self._run([self._job(items, parameters)])
        return self._result(job)

    def describe(self, call: Mapping[str, object], result: object) -> str:
        """The result of a call with one example, as lines of text.

        Args:
            call: the call's keyword arguments.
            result: what it gave.
        """
        return self._task_pipeline.describe(call, result)

    def run_many(self, calls: Iterable[Mapping[str, Any]], batch_size: int | None = None) -> list[Any]:
        """The result of each call, given as its keyword arguments, or the error that it raised.

        One example per call; they share batches, so this is faster than calling one after the other. No call fails
        another one: where a batch fails, its rows run alone.

        Args:
            calls: the calls.
            batch_size: most rows in a batch; by default the pipeline's.
        """
        jobs: list[_Job | Exception] = []
        for call in calls:
            try:
                arguments, parameters = self._split(call, given=self._names)
                jobs.append(self._job(arguments, parameters))
            except Exception as error:
                jobs.append(error)
        batch_size = batch_size or self._defaults["batch_size"]
        done = self._run([job for job in jobs if isinstance(job, _Job)], batch_size)
        results = map(self._result_or_error, done)
        return [next(results) if isinstance(job, _Job) else job for job in jobs]

    def raw_outputs(self, rows: Sequence[Encoding], batch_size: int | None = None) -> list[Outputs]:
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

    def raw_outputs_many(
        self, calls: Iterable[Mapping[str, Any]], batch_size: int | None = None
    ) -> list[list[Outputs]]:
        """The model's outputs for the rows of each call, given as its keyword arguments, before they become a result.

        Raises:
            InputError: an input or parameter is wrong or missing.
            RunError: the engine failed.
        """
        rows = self._rows_of_calls(calls)
        outputs = iter(self.raw_outputs([row for own in rows for row in own], batch_size))
        return [list(islice(outputs, len(own))) for own in rows]

    def model_inputs_many(self, calls: Iterable[Mapping[str, Any]]) -> list[dict[str, Array]]:
        """The session's inputs for the rows of all calls, given as their keyword arguments; each row is a batch.

        Raises:
            InputError: an input or parameter is wrong or missing.
        """
        return [self._model.feed([row]) for rows in self._rows_of_calls(calls) for row in rows]

    def __copy__(self) -> Self:
        """A pipeline that shares the session, the tokenizer and the config."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A pipeline with a session of its own, opened as this one was."""
        return type(self)(**self._arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """The path and the arguments that the pipeline was opened with: it is opened again where it is unpickled.

        Raises:
            InputTypeError: it was opened with session_options, which no other process can have.
        """
        if self._arguments["session_options"] is not None:
            raise InputTypeError(
                "a pipeline that was opened with session_options cannot be pickled, because onnxruntime's options "
                "cannot: open it in the process that uses it"
            )
        return _reopen, (type(self), self._arguments)

    def _rows_of_calls(self, calls: Iterable[Mapping[str, Any]]) -> list[list[Encoding]]:
        rows = []
        for call in calls:
            arguments, parameters = self._split(call)
            rows.append(list(self._job(arguments, parameters).rows))
        return rows

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(own.name for own in fields(self._task_pipeline.parameters) if own.init)

    def _split(
        self, kwargs: Mapping[str, Any], given: frozenset[str] | None = None
    ) -> tuple[dict[str, Any], CallParameters]:
        """Arguments of the task, and its parameters.

        Args:
            kwargs: of a call.
            given: parameters that count as set by the call; by default those in ``kwargs``.
        """
        values = self._defaults | dict(kwargs)
        own = {name: values.pop(name) for name in self._names & values.keys()}
        if unknown := values.keys() - set(self._task_pipeline.arguments):
            known = ", ".join(sorted({*self._task_pipeline.arguments, *self._names}))
            raise InputError(f"there is no argument {', '.join(sorted(map(_shortened, unknown)))}; there are {known}")
        parameters = self._task_pipeline.parameters(**own)
        object.__setattr__(parameters, "given", frozenset(kwargs) if given is None else given)
        return values, self._task_pipeline.resolve_parameters(parameters)

    def _job(self, item: Any, parameters: CallParameters) -> _Job:
        example = self._task_pipeline.parse_example(item)
        return _Job(example, parameters, self._rows(example, parameters))

    def _rows(self, example: Any, parameters: CallParameters) -> Iterator[Encoding]:
        for row in self._task_pipeline.preprocess(example, parameters):
            self.tokenizer.check_rows([row], self.config)
            yield row

    def _run(self, jobs: Iterable[_Job], batch_size: int | None = None) -> Iterator[_Job]:
        """The jobs in their order, each with the parts of its result or with its error.

        Rows are computed in chunks, and only what the results need of them is kept.
        """
        started: list[_Job] = []
        chunk: list[tuple[_Job, int, Encoding]] = []
        tokens = 0
        for job in jobs:
            started.append(job)
            batch_size = batch_size or job.parameters.batch_size
            for row in _until_error(job):
                chunk.append((job, len(job.parts), row))
                job.parts.append(None)
                tokens += max(len(row), row.padded_length)
                if tokens >= _CHUNK_TOKENS:
                    self._compute(chunk, batch_size)
                    chunk, tokens = [], 0
                    yield from started[:-1]
                    started = [job]
        self._compute(chunk, batch_size)
        yield from started

    def _compute(self, chunk: Sequence[tuple[_Job, int, Encoding]], batch_size: int | None) -> None:
        for number, outputs in self._model.iter_outputs([row for _, _, row in chunk], batch_size):
            job, place, row = chunk[number]
            try:
                if isinstance(outputs, RunError):
                    raise outputs
                if job.error is None:
                    job.parts[place] = self._task_pipeline.postprocess_row(job.example, job.parameters, row, outputs)
            except Exception as error:
                job.error = job.error or error

    def _result(self, job: _Job) -> Any:
        if job.error is not None:
            raise job.error
        return self._task_pipeline.postprocess(job.example, job.parameters, job.parts)

    def _result_or_error(self, job: _Job) -> Any:
        try:
            return self._result(job)
        except Exception as error:
            return error

    def _stream(self, items: Iterator[Any], parameters: CallParameters) -> Iterator[Any]:
        failure: Exception | None = None
        while failure is None:
            jobs: list[_Job] = []
            try:
                for item in islice(items, parameters.batch_size or 1):
                    jobs.append(self._job(item, parameters))
            except Exception as error:
                failure = error
            for job in self._run(jobs):
                yield self._result(job)
            if not jobs and failure is None:
                return
        raise failure


def _until_error(job: _Job) -> Iterator[Encoding]:
    try:
        yield from job.rows
    except Exception as error:
        job.error = error


def _shortened(name: object) -> str:
    text = str(name)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _reopen(kind: type[ConvBertOnnxPipeline], arguments: dict[str, Any]) -> ConvBertOnnxPipeline:
    return kind(**arguments)
