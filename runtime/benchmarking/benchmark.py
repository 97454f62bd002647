"""Benchmark a model on this machine: latency, throughput, memory, and the time of each operator."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from convbert_onnx.errors import InputError, RunError
from convbert_onnx.packages import load_onnxruntime
from convbert_onnx.progress import Progress, no_progress
from convbert_onnx.runtime.benchmarking.memory import peak_memory
from convbert_onnx.runtime.benchmarking.profiling import OperatorTime, profile
from convbert_onnx.runtime.model import Model, open_model
from convbert_onnx.runtime.model_files.external_data import total_bytes
from convbert_onnx.runtime.parameters import check_whole_number
from convbert_onnx.runtime.sessions.cpu import needs_exact_option
from convbert_onnx.runtime.sessions.interface import engine_failure
from convbert_onnx.runtime.sessions.kernels import Native, describe_kernels
from convbert_onnx.runtime.sessions.onnxruntime_types import Array
from convbert_onnx.runtime.sessions.providers import ProviderSpec
from convbert_onnx.runtime.sessions.session import Mmap

__all__ = ["Benchmark", "ShapeTimes", "bench"]

_WARM_UP_RUNS = 3
_MIN_RUNS = 10
_DEFAULT_BATCHES = (1, 8)
_DEFAULT_CHOICES = 4
_DEFAULT_LENGTH = 128


@dataclass(frozen=True)
class ShapeTimes:
    """Times of the runs with one input shape.

    Attributes:
        shape: batch x length in tokens; batch x choices x length for multiple choice.
        runs: the number of timed runs.
        p50_ms: the median.
        p95_ms: the 95th percentile.
        p99_ms: the 99th percentile.
        mean_ms: the mean, from which the throughput is computed.
        texts_per_s: rows of tokens per second; each choice is a row.
        tokens_per_s: tokens per second.
        operators: the time of each operator, slowest first; empty without ``with_profile``.
    """

    shape: tuple[int, ...]
    runs: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float
    texts_per_s: float
    tokens_per_s: float
    operators: tuple[OperatorTime, ...] = ()

    @property
    def name(self) -> str:
        """The shape as text, such as 8x128."""
        return _name(self.shape)


@dataclass(frozen=True)
class Benchmark:
    """Speed and memory of a model.

    Attributes:
        file: the ONNX file.
        bytes: its size, with external data.
        task: the name of its task.
        engine: the version of onnxruntime.
        providers: the active execution providers.
        kernels: what computes our operators, such as "native, avx2".
        threads: threads that compute one operator; 0 if onnxruntime decides.
        open_ms: time to create the session and the tokenizer, without Python's imports.
        peak_memory: peak of the physical memory of this process in bytes, before any profiling; None if the system does
            not report it. It includes everything the process has done, so benchmark in a new process.
        shapes: the times for each shape.
    """

    file: str
    bytes: int
    task: str
    engine: str
    providers: tuple[str, ...]
    kernels: str
    threads: int
    open_ms: float
    peak_memory: int | None
    shapes: tuple[ShapeTimes, ...]


def bench(
    path: str | Path,
    shapes: Sequence[tuple[int, ...]] | None = None,
    *,
    task: str | None = None,
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    native: Native | None = None,
    mmap: Mmap = "auto",
    repeats: int | None = None,
    seconds: float = 2.0,
    with_profile: bool = False,
    progress: Progress = no_progress,
) -> Benchmark:
    """Time a model's session on random tokens without padding, one run after the other.

    Args:
        path: an ONNX file, or a directory with one.
        shapes: input shapes, batch x length, or batch x choices x length for multiple choice. By default batches of 1
            and 8 with length 128, or the model's maximum length if that is shorter.
        task: name or short name; by default the task of the file.
        providers: execution providers, by default the CPU only.
        threads: threads that compute one operator; by default the physical cores that this process may use.
        native: whether to use the native kernels: see :func:`open_model`.
        mmap: whether weights may be mapped from the file: see :func:`open_model`.
        repeats: timed runs of each shape; by default as many as fit into ``seconds``, and at least ten.
        seconds: time for each shape.
        with_profile: also measure the time of each operator, in more runs with onnxruntime's profiler.
        progress: called before each step with its name, the number of finished steps and the number of all steps.

    Raises:
        FileMissingError: the file, the tokenizer or the config is missing.
        BundleError: the model cannot run here, or is not for the task.
        ProviderError: a requested provider is not active.
        KernelsError: the native kernels are required but cannot be used.
        InputError: the model does not support a shape, or a number is out of range.
        RunError: the engine failed.
    """
    if repeats is not None:
        check_whole_number("repeats", repeats, 1)
    if threads is not None:
        check_whole_number("threads", threads, 1)
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"seconds must be above 0, not {seconds}")
    begin = time.perf_counter()
    model = open_model(path, task, providers=providers, threads=threads, native=native, mmap=mmap)
    open_ms = 1000 * (time.perf_counter() - begin)
    feeds = {shape: _feed(model, shape) for shape in shapes or _default_shapes(model)}
    total = len(feeds) * (2 if with_profile else 1)
    results = []
    for done, (shape, feed) in enumerate(feeds.items()):
        progress(f"timing {_name(shape)}", done, total)
        results.append(_summary(shape, _times(model, feed, repeats, seconds)))
    memory = peak_memory()
    exact = model.bundle is not None and needs_exact_option(model.bundle.record)
    if with_profile:
        for number, (shape, feed) in enumerate(feeds.items()):
            progress(f"profiling {_name(shape)}", len(feeds) + number, total)
            native = model.kernels.isa is not None
            operators = profile(model.path, feed, providers, threads, native=native, exact_int8=exact)
            results[number] = replace(results[number], operators=operators)
    return Benchmark(
        file=str(model.path),
        bytes=total_bytes(model.path),
        task=model.task_spec.name,
        engine=load_onnxruntime().__version__,
        providers=tuple(model.session.get_providers()),
        kernels=describe_kernels(model.kernels, model.bundle.record if model.bundle else None),
        threads=model.session.get_session_options().intra_op_num_threads,
        open_ms=open_ms,
        peak_memory=memory,
        shapes=tuple(results),
    )


def _name(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _default_shapes(model: Model) -> list[tuple[int, ...]]:
    fixed = model.interface
    length = fixed.sequence or min(_DEFAULT_LENGTH, model.config.max_position_embeddings)
    choices = (fixed.choices or _DEFAULT_CHOICES,) if model.task_spec.has_choices else ()
    return [(batch, *choices, length) for batch in ([fixed.batch] if fixed.batch else _DEFAULT_BATCHES)]


def _feed(model: Model, shape: tuple[int, ...]) -> dict[str, Array]:
    """Create inputs of a shape: random tokens without padding.

    Raises:
        InputError: the model does not support the shape.
    """
    axes, example = (
        ("batch x choices x length", "1x4x128") if model.task_spec.has_choices else ("batch x length", "1x128")
    )
    if len(shape) != len(model.task_spec.inputs[0].axes) or min(shape) < 1:
        raise InputError(f"{model.task_spec.name} takes shapes of {axes}, such as {example}, not {_name(shape)}")
    max_length = min(model.config.max_position_embeddings, model.interface.sequence or shape[-1])
    if shape[-1] > max_length:
        raise InputError(f"{_name(shape)} is too long: this model has positions for {max_length} tokens")
    random = np.random.default_rng(0)
    feed = {
        "input_ids": random.integers(0, model.config.vocab_size, shape),
        "attention_mask": np.ones(shape, np.int64),
        "token_type_ids": np.zeros(shape, np.int64),
    }
    fitted = model.interface.fit(feed, model.tokenizer.pad_token_id)
    if fitted["input_ids"].shape != shape:
        raise InputError(f"this graph only supports the shape {_name(fitted['input_ids'].shape)}, not {_name(shape)}")
    return fitted


def _times(model: Model, feed: dict[str, Array], repeats: int | None, seconds: float) -> list[float]:
    """Return the milliseconds of each run after the warm-up."""
    names = list(model.interface.outputs)
    times: list[float] = []
    try:
        for _ in range(_WARM_UP_RUNS):
            model.session.run(names, feed)
        start = time.perf_counter()
        while len(times) < (repeats or _MIN_RUNS) or (repeats is None and time.perf_counter() - start < seconds):
            begin = time.perf_counter()
            model.session.run(names, feed)
            times.append(1000 * (time.perf_counter() - begin))
    except Exception as error:  # onnxruntime's exceptions have no common base below Exception
        raise RunError(engine_failure(model.path, feed, error)) from error
    return times


def _summary(shape: tuple[int, ...], times: list[float]) -> ShapeTimes:
    p50, p95, p99 = (float(value) for value in np.percentile(times, (50, 95, 99)))
    mean = sum(times) / len(times)
    texts = math.prod(shape[:-1])
    return ShapeTimes(
        shape=shape,
        runs=len(times),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        mean_ms=mean,
        texts_per_s=1000 * texts / mean,
        tokens_per_s=1000 * texts * shape[-1] / mean,
    )
