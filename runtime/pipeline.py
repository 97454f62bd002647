"""ConvBertOnnxPipeline: run an exported model on texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypedDict, TypeVar, Unpack, overload

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError, InputTypeError, RunError
from convbert_onnx.runtime.batching import TOKEN_BUDGET
from convbert_onnx.runtime.model import ModelOptions, Outputs, open_model
from convbert_onnx.runtime.parameters import CallParameters, check_whole_number
from convbert_onnx.runtime.pipelines.base import pipeline_class
from convbert_onnx.runtime.sessions.kernels import Native, describe_kernels
from convbert_onnx.runtime.sessions.onnxruntime_types import Array, Session, SessionOptions
from convbert_onnx.runtime.sessions.providers import ProviderSpec
from convbert_onnx.runtime.sessions.session import Mmap
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Encoding
from convbert_onnx.tasks import SECOND_USES

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    from convbert_onnx.runtime.pipelines.feature_extraction import TokenVectors
    from convbert_onnx.runtime.pipelines.fill_mask import FilledMask
    from convbert_onnx.runtime.pipelines.multiple_choice import Choice
    from convbert_onnx.runtime.pipelines.question_answering import Answer
    from convbert_onnx.runtime.pipelines.text_classification import Classification
    from convbert_onnx.runtime.pipelines.token_classification import Entity
    from convbert_onnx.runtime.pipelines.zero_shot_classification import LabelledSequence

    # So that ConvBertOnnxPipeline without type arguments is allowed, also under mypy --strict.
    Result = TypeVarWithDefault("Result", default=Any)
    Item = TypeVarWithDefault("Item", default=Any)
else:
    Result = TypeVar("Result")
    Item = TypeVar("Item")

__all__ = ["ConvBertOnnxPipeline", "PipelineInfo", "PipelineOptions"]

_CHUNK_TOKENS = 16 * TOKEN_BUDGET
"""Tokens whose rows are in memory at a time, to be sorted by length."""


class PipelineOptions(ModelOptions, total=False):
    """The keyword arguments of :class:`ConvBertOnnxPipeline` without the defaults of the task's parameters."""

    batch_size: int | None


class PipelineInfo(TypedDict):
    """What runs where.

    Attributes:
        file: the ONNX file.
        task: the task.
        precision: the precision in the export record, or "unknown" for files from elsewhere; so for the next two.
        target: the runtimes that the file was exported for.
        padding: how padding was exported.
        providers: onnxruntime's names of the active providers.
        threads: threads that compute one operator; 0 leaves the number to onnxruntime.
        kernels: how the project's operators are computed.
    """

    file: str
    task: str
    precision: str
    target: str
    padding: str
    providers: list[str]
    threads: int
    kernels: str


@dataclass(eq=False)
class _Job:
    """An example on its way through the model.

    Attributes:
        example: a checked example of the task.
        parameters: the parameters of its call.
        rows: the example's rows, encoded when they are asked for.
        parts: what the result needs of each row that has been computed.
        error: the first error of any stage.
    """

    example: object
    parameters: CallParameters
    rows: Iterator[Encoding]
    parts: list[object] = field(default_factory=list)
    error: Exception | None = None


class ConvBertOnnxPipeline(Generic[Result, Item]):
    """An exported model with its tokenizer, called like the transformers pipeline for its task.

    Type checkers know the results if the task is written out: ``ConvBertOnnxPipeline(path, "qa")`` gives answers. The
    type parameters are the result of a call with one example, and of each example in a list or iterator. They are Any
    without a task, with defaults for the task's parameters, and in calls with parameters that change the form of the
    result, such as ``top_k``.

    Args:
        path: an exported file, or a directory with ``model.onnx``, ``config.json`` and ``tokenizer.json``.
        task: name or short name of the task; by default the task that the file records.
        providers: execution providers: onnxruntime's names or "cpu", "cuda", "tensorrt", alone or as (name, options);
            by default the CPU.
        threads: threads that compute one operator; by default the physical cores that this process may use.
        tokenizer: a tokenizer, or a directory with one, instead of the file's own.
        config: a config instead of the file's own.
        session_options: an ``onnxruntime.SessionOptions`` that is used unchanged; ``threads`` is then ignored.
        native: True requires the native kernels for the project's operators, False disables them, "auto" uses them if
            they are available. By default the value of the environment variable ``CONVBERT_ONNX_NATIVE`` (1, 0, auto),
            else "auto".
        mmap: False reads all weights into memory, so that later changes of the file have no effect; "auto" maps the
            weights that can be mapped from the file, which takes less memory and time.
        verify: first compare the file with the hashes in its record.
        batch_size: maximum number of rows in a batch. By default a batch is limited by its tokens, and an iterator's
            examples are read one at a time.
        parameters: defaults for the parameters of calls.

    Attributes:
        session: the ``onnxruntime.InferenceSession``.
        tokenizer: the tokenizer.
        config: sizes and labels.
        task: the name of the task.
        max_length: maximum length of a row in tokens, special tokens included.
        info: what runs where, ready for JSON.

    Raises:
        FileMissingError: there is no such file, or no model, tokenizer or config was found.
        BundleError: the file is not a model that can run here, or not one for the task, or with ``verify`` not as it
            was written.
        ProviderError: a requested provider is not active.
        KernelsError: the native kernels were required, and cannot be used.
        InputError: there is no such task or parameter.
    """

    @overload
    def __init__(
        self: "ConvBertOnnxPipeline[TokenVectors, TokenVectors]",
        path: str | Path,
        task: Literal["feature-extraction", "features", "default"],
        **options: Unpack[PipelineOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "ConvBertOnnxPipeline[list[FilledMask], list[FilledMask]]",
        path: str | Path,
        task: Literal["fill-mask", "mlm"],
        **options: Unpack[PipelineOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "ConvBertOnnxPipeline[list[Classification], Classification]",
        path: str | Path,
        task: Literal["text-classification", "classification", "sentiment"],
        **options: Unpack[PipelineOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "ConvBertOnnxPipeline[LabelledSequence, LabelledSequence]",
        path: str | Path,
        task: Literal["zero-shot-classification"],
        **options: Unpack[PipelineOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "ConvBertOnnxPipeline[Choice, Choice]",
        path: str | Path,
        task: Literal["multiple-choice", "mc", "swag"],
        **options: Unpack[PipelineOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "ConvBertOnnxPipeline[list[Entity], list[Entity]]",
        path: str | Path,
        task: Literal["token-classification", "ner"],
        **options: Unpack[PipelineOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "ConvBertOnnxPipeline[Answer, Answer]",
        path: str | Path,
        task: Literal["question-answering", "qa"],
        **options: Unpack[PipelineOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "ConvBertOnnxPipeline",
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
    ) -> None: ...

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
            check_whole_number("threads", threads, 1)
        options: ModelOptions = {
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
        self._defaults: dict[str, object] = {"batch_size": batch_size, **parameters}
        self._arguments: dict[str, object] = {
            "path": self._model.path.absolute(),
            "task": self.task,
            **options,
            **self._defaults,
        }
        # Wrong defaults are an error now, not at the first call.
        _, self._default_parameters = self._split({})

    @property
    def info(self) -> PipelineInfo:
        """What runs where: file, task, precision, target, providers, threads, and the kernels of our operators."""
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
    def parameters(self) -> dict[str, object]:
        """The defaults for the parameters of calls."""
        return {name: value for name, value in self._defaults.items() if name != "batch_size"}

    # Parameters that change the form of the result.
    @overload
    def __call__(self, *args: object, top_k: int | None, **arguments: object) -> Any: ...
    @overload
    def __call__(self, *args: object, pooling: str | None, **arguments: object) -> Any: ...
    @overload
    def __call__(self, *args: object, return_tensors: bool, **arguments: object) -> Any: ...
    # One example, several examples, and a stream of examples.
    @overload
    def __call__(self, *texts: str, **arguments: str | float | None) -> Result: ...
    @overload
    def __call__(self, prompt: str, choices: list[str], **parameters: str | float | None) -> Result: ...
    @overload
    def __call__(self, sequences: str, candidate_labels: list[str], **parameters: str | float | None) -> Result: ...
    @overload
    def __call__(self, inputs: Mapping[str, object], **parameters: str | float | None) -> Item: ...
    @overload
    def __call__(self, inputs: list[Any] | tuple[Any, ...], **parameters: object) -> list[Item]: ...
    @overload
    def __call__(self, inputs: Iterator[Any], **parameters: object) -> Iterator[Item]: ...
    @overload
    def __call__(self, *args: object, **kwargs: object) -> Any: ...

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the model on one example, a list of examples or an iterator of examples.

        The arguments and parameters are those of the task's pipeline. One example gives one result, a list gives a
        list, and an iterator gives an iterator that reads more examples as results are taken from it.

        Raises:
            InputError: an input or parameter is wrong, missing or of the wrong type.
            RunError: onnxruntime failed.
        """
        if len(args) == 2 and self._task_pipeline.second_argument is not None:
            kwargs[self._task_pipeline.second_argument] = args[1]
            args = args[:1]
        arguments, parameters = self._split(kwargs)
        examples = self._task_pipeline.parse_call(parameters, *args, **arguments)
        if isinstance(examples, Iterator):
            return self._stream(examples, parameters)
        if isinstance(examples, list):
            return [self._result(job) for job in self._run([self._job(example, parameters) for example in examples])]
        (job,) = self._run([self._job(examples, parameters)])
        return self._result(job)

    def describe(self, call: Mapping[str, object], result: object) -> str:
        """The result of a call with one example, as lines of text.

        Args:
            call: the call's keyword arguments.
            result: the result of the call.
        """
        return self._task_pipeline.describe(call, result)

    def run_many(self, calls: Iterable[Mapping[str, object]], batch_size: int | None = None) -> list[Any]:
        """The result of each call, or the error that it raised.

        The calls share batches, so this is faster than one call after the other. An error affects only its own call:
        if a batch fails, its rows run alone.

        Args:
            calls: the keyword arguments of each call, with one example per call.
            batch_size: maximum number of rows in a batch; by default the pipeline's.
        """
        jobs: list[_Job | Exception] = []
        for call in calls:
            try:
                arguments, parameters = self._split(call, given=self._parameter_names)
                jobs.append(self._job(arguments, parameters))
            except Exception as error:
                jobs.append(error)
        batch_size = batch_size or self._default_parameters.batch_size
        done = self._run([job for job in jobs if isinstance(job, _Job)], batch_size)
        results = map(self._result_or_error, done)
        return [next(results) if isinstance(job, _Job) else job for job in jobs]

    def raw_outputs(self, rows: Sequence[Encoding], batch_size: int | None = None) -> list[Outputs]:
        """The model's outputs for rows of tokens, for uses that the task's pipeline does not cover.

        Args:
            rows: rows of at most ``max_length`` tokens.
            batch_size: maximum number of rows in a batch; by default a batch is limited by its tokens.

        Returns:
            The arrays of each row by the names of the task's outputs, without padding.

        Raises:
            RunError: onnxruntime failed.
        """
        return self._model.run(rows, batch_size)

    def raw_outputs_many(
        self, calls: Iterable[Mapping[str, object]], batch_size: int | None = None
    ) -> list[list[Outputs]]:
        """The model's outputs for the rows of each call, before postprocessing.

        Args:
            calls: the keyword arguments of each call, with one example per call.
            batch_size: maximum number of rows in a batch; by default a batch is limited by its tokens.

        Raises:
            InputError: an input or parameter is wrong or missing.
            RunError: onnxruntime failed.
        """
        rows_of_calls = self._rows_of_calls(calls)
        outputs = iter(self.raw_outputs([row for rows in rows_of_calls for row in rows], batch_size))
        return [list(islice(outputs, len(rows))) for rows in rows_of_calls]

    def model_inputs_many(self, calls: Iterable[Mapping[str, object]]) -> list[dict[str, Array]]:
        """The session's inputs for the rows of all calls, each row as a batch of one.

        Args:
            calls: the keyword arguments of each call, with one example per call.

        Raises:
            InputError: an input or parameter is wrong or missing.
        """
        return [self._model.feed([row]) for rows in self._rows_of_calls(calls) for row in rows]

    def __copy__(self) -> Self:
        """A pipeline that shares the session, the tokenizer and the config."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A pipeline with its own session, opened with the same arguments."""
        return _reopen(type(self), self._arguments)

    def __reduce__(self) -> tuple[Callable[[type[Self], dict[str, Any]], Self], tuple[type[Self], dict[str, object]]]:
        """The path and the arguments that the pipeline was opened with; unpickling opens it again.

        Raises:
            InputTypeError: it was opened with session_options, which cannot be pickled.
        """
        if self._arguments["session_options"] is not None:
            raise InputTypeError(
                "a pipeline that was opened with session_options cannot be pickled, because onnxruntime's options "
                "cannot: open it in the process that uses it"
            )
        return _reopen, (type(self), self._arguments)

    def _rows_of_calls(self, calls: Iterable[Mapping[str, object]]) -> list[list[Encoding]]:
        rows_of_calls = []
        for call in calls:
            arguments, parameters = self._split(call)
            rows_of_calls.append(list(self._job(arguments, parameters).rows))
        return rows_of_calls

    @property
    def _parameter_names(self) -> frozenset[str]:
        return frozenset(own.name for own in fields(self._task_pipeline.parameters) if own.init)

    def _split(
        self, kwargs: Mapping[str, object], given: frozenset[str] | None = None
    ) -> tuple[dict[str, object], CallParameters]:
        """The examples and the parameters in the keyword arguments of a call.

        Args:
            kwargs: the keyword arguments.
            given: parameters that count as set by the call; by default those in ``kwargs``.
        """
        arguments = self._defaults | dict(kwargs)
        values: dict[str, Any] = {name: arguments.pop(name) for name in self._parameter_names & arguments.keys()}
        if unknown := arguments.keys() - set(self._task_pipeline.arguments):
            known = ", ".join(sorted({*self._task_pipeline.arguments, *self._parameter_names}))
            raise InputError(f"unknown argument {', '.join(sorted(map(_shortened, unknown)))}; expected one of {known}")
        parameters = self._task_pipeline.parameters(**values)
        object.__setattr__(parameters, "given", frozenset(kwargs) if given is None else given)
        return arguments, self._task_pipeline.resolve_parameters(parameters)

    def _job(self, item: object, parameters: CallParameters) -> _Job:
        example = self._task_pipeline.parse_example(item)
        return _Job(example, parameters, self._rows(example, parameters))

    def _rows(self, example: object, parameters: CallParameters) -> Iterator[Encoding]:
        for row in self._task_pipeline.preprocess(example, parameters):
            self.tokenizer.check_rows([row], self.config)
            yield row

    def _run(self, jobs: Iterable[_Job], batch_size: int | None = None) -> Iterator[_Job]:
        """The jobs in their order, each with the parts of its result or with its error.

        Rows are computed in chunks, and only the parts of their outputs that results need are kept.
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

    def _result(self, job: _Job) -> object:
        if job.error is not None:
            raise job.error
        return self._task_pipeline.postprocess(job.example, job.parameters, job.parts)

    def _result_or_error(self, job: _Job) -> object:
        try:
            return self._result(job)
        except Exception as error:
            return error

    def _stream(self, examples: Iterator[object], parameters: CallParameters) -> Iterator[object]:
        failure: Exception | None = None
        while failure is None:
            jobs: list[_Job] = []
            try:
                for example in islice(examples, parameters.batch_size or 1):
                    jobs.append(self._job(example, parameters))
            except Exception as error:
                failure = error
            for job in self._run(jobs):
                yield self._result(job)
            if not jobs and failure is None:
                return
        raise failure


_Pipeline = TypeVar("_Pipeline", bound=ConvBertOnnxPipeline)


def _until_error(job: _Job) -> Iterator[Encoding]:
    try:
        yield from job.rows
    except Exception as error:
        job.error = error


def _shortened(name: object) -> str:
    text = str(name)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _reopen(kind: type[_Pipeline], arguments: dict[str, Any]) -> _Pipeline:
    return kind(**arguments)
