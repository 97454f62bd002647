"""How fast a model is on this machine, and what it needs: time, memory, and where the time goes."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from convbert_onnx.errors import InputError, RunError
from convbert_onnx.packages import load_onnxruntime
from convbert_onnx.runtime.benchmarking.memory import peak_memory
from convbert_onnx.runtime.benchmarking.profiling import OperatorTime, profile
from convbert_onnx.runtime.model import Model, open_model
from convbert_onnx.runtime.model_files.external_data import total_bytes
from convbert_onnx.runtime.parameters import whole_number
from convbert_onnx.runtime.sessions.cpu import needs_exact_option
from convbert_onnx.runtime.sessions.kernels import Native, describe_kernels
from convbert_onnx.runtime.sessions.onnxruntime_types import Array
from convbert_onnx.runtime.sessions.providers import ProviderSpec
from convbert_onnx.runtime.sessions.session import Mmap

__all__ = ["Benchmark", "ShapeTimes", "bench"]

_WARM_UP = 3
_FEWEST = 10
_CHOICES = 4


@dataclass(frozen=True)
class ShapeTimes:
    """How long runs of one shape took.

    Attributes:
        shape: batch x length in tokens; of multiple choice batch x choices x length.
        runs: how many were timed.
        p50_ms: the median.
        p95_ms: 95 of 100 runs took no longer.
        p99_ms: 99 of 100 runs took no longer.
        mean_ms: the mean, which the throughput follows from.
        texts_per_s: rows of tokens per second; a choice is a row.
        tokens_per_s: tokens per second.
        operators: where the time goes, slowest first; empty unless it was asked for.
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
        """The shape as people write it, such as 8x128."""
        return _name(self.shape)


@dataclass(frozen=True)
class Benchmark:
    """A model's speed and needs.

    Attributes:
        file: the ONNX file.
        bytes: its size, with the weights beside it.
        task: what it is for.
        engine: version of onnxruntime.
        providers: the execution providers that are active.
        kernels: what computes our operators, such as "native, avx2".
        threads: threads that compute one operator; 0 where onnxruntime decides.
        open_ms: from the file to a session and tokenizer that are ready, without Python's imports.
        peak_memory: bytes of physical memory that this process held at most, before any profiling; None where the
            system does not say. It counts everything the process has done, so measure in a process of its own.
        shapes: the times of each shape.
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
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Benchmark:
    """Time a model's session on random tokens, nothing padded, one run after the other.

    Args:
        path: an ONNX file, or a directory with one.
        shapes: batch x length of each measurement; of multiple choice batch x choices x length. By default a batch of
            1 and one of 8, of length 128 or the model's longest.
        task: name or short name; by default what the file says.
        providers: where to run, the CPU by default.
        threads: threads that compute one operator; by default the physical cores this process may use.
        native: whether to use the native kernels, as :func:`open_model` takes it.
        mmap: whether weights may stay in the file, as :func:`open_model` takes it.
        repeats: timed runs of each shape; by default as many as fit into ``seconds``, and at least ten.
        seconds: time for each shape.
        with_profile: also say which operators take the time, from further runs in a session with a profiler.
        progress: told before each shape what comes, how many are done, and how many there are.

    Raises:
        FileMissingError: there is no such file, or no model, tokenizer or config to be found.
        BundleError: the file is not a model that can run here, or not one for the task.
        ProviderError: a provider that was asked for is not active.
        KernelsError: the native kernels were demanded, and cannot be used.
        InputError: a shape that the model cannot take, or a number that makes no sense.
        RunError: the engine failed.
    """
    if repeats is not None:
        whole_number("repeats", repeats, 1)
    if threads is not None:
        whole_number("threads", threads, 1)
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
    length = fixed.sequence or min(128, model.config.max_position_embeddings)
    choices = (fixed.choices or _CHOICES,) if _has_choices(model) else ()
    return [(batch, *choices, length) for batch in ([fixed.batch] if fixed.batch else (1, 8))]


def _has_choices(model: Model) -> bool:
    return "choices" in model.task_spec.inputs[0].axes


def _feed(model: Model, shape: tuple[int, ...]) -> dict[str, Array]:
    """Inputs of a shape: random tokens, none of them padding.

    Raises:
        InputError: the model cannot take the shape.
    """
    axes, example = ("batch x choices x length", "1x4x128") if _has_choices(model) else ("batch x length", "1x128")
    if len(shape) != len(model.task_spec.inputs[0].axes) or min(shape) < 1:
        raise InputError(f"{model.task_spec.name} takes shapes of {axes}, such as {example}, not {_name(shape)}")
    longest = min(model.config.max_position_embeddings, model.interface.sequence or shape[-1])
    if shape[-1] > longest:
        raise InputError(f"{_name(shape)} is too long: this model has positions for {longest} tokens")
    random = np.random.default_rng(0)
    feed = {
        "input_ids": random.integers(0, model.config.vocab_size, shape),
        "attention_mask": np.ones(shape, np.int64),
        "token_type_ids": np.zeros(shape, np.int64),
    }
    fitted = model.interface.fit(feed, model.tokenizer.pad_token_id)
    if fitted["input_ids"].shape != shape:
        raise InputError(f"{_name(shape)} is not the shape that this graph takes, {_name(fitted['input_ids'].shape)}")
    return fitted


def _times(model: Model, feed: dict[str, Array], repeats: int | None, seconds: float) -> list[float]:
    """Milliseconds of each run after a few that warm up."""
    names = list(model.interface.outputs)
    times: list[float] = []
    try:
        for _ in range(_WARM_UP):
            model.session.run(names, feed)
        start = time.perf_counter()
        while len(times) < (repeats or _FEWEST) or (repeats is None and time.perf_counter() - start < seconds):
            begin = time.perf_counter()
            model.session.run(names, feed)
            times.append(1000 * (time.perf_counter() - begin))
    except Exception as error:  # onnxruntime's exceptions have no common base below Exception
        raise RunError(f"onnxruntime failed on {model.path} with {feed['input_ids'].shape} tokens: {error}") from error
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
