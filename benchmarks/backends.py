"""The backends that are compared: one table row each, with a function that loads its file.

To add a backend, write a function that loads it, add its file to :mod:`benchmarks.files` if no other backend uses it,
and add a row to ``BACKENDS``. Packages are imported inside the functions: each backend has its own process, which loads
only what that backend needs.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models import VOCABULARY
from benchmarks.quartiles import FLOOR, OURS
from convbert_onnx import ConvBertConfig

__all__ = ["BACKENDS", "Backend", "LoadedModel", "select_backends"]

Feed = dict[str, Any]


@dataclass(frozen=True)
class LoadedModel:
    """A model that is loaded and ready to run.

    Attributes:
        feed: makes the inputs for a batch size and a length, in the form that ``run`` takes.
        run: runs the model once; its result is not used.
        note: what the backend reports about itself, such as the precision it chose.
    """

    feed: Callable[[int, int], Any]
    run: Callable[[Any], object]
    note: str = ""


@dataclass(frozen=True)
class Backend:
    """An engine together with the file that it runs.

    Attributes:
        name: the name in tables and plots, which ``--only`` matches.
        file: the key of its file in ``FILES``.
        load: loads the file, with a number of threads.
        imports: the modules it needs, which are imported before the load time is measured.
    """

    name: str
    file: str
    load: Callable[[Path, int], LoadedModel]
    imports: tuple[str, ...]


def _tokens(batch: int, length: int) -> Feed:
    """Random token ids without padding."""
    shape = (batch, length)
    return {
        "input_ids": np.random.default_rng(0).integers(0, VOCABULARY, shape),
        "attention_mask": np.ones(shape, np.int64),
        "token_type_ids": np.zeros(shape, np.int64),
    }


def _matmuls(path: Path, threads: int) -> LoadedModel:
    from benchmarks.matmul_floor import matmul_inputs

    return _without_optimization(path, threads, matmul_inputs)


def _int8_matmuls(path: Path, threads: int) -> LoadedModel:
    from benchmarks.matmul_floor import int8_matmul_inputs

    return _without_optimization(path, threads, int8_matmul_inputs)


def _without_optimization(path: Path, threads: int, inputs: Callable[[ConvBertConfig, int, int], Any]) -> LoadedModel:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Otherwise onnxruntime would merge identical matmuls of different layers.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    config = ConvBertConfig.from_pretrained(path.parent / "checkpoint")
    return LoadedModel(lambda batch, length: inputs(config, batch, length), lambda feed: session.run(None, feed))


def _transformers(path: Path, threads: int) -> LoadedModel:
    import torch
    from transformers import ConvBertForQuestionAnswering

    torch.set_num_threads(threads)
    module = ConvBertForQuestionAnswering.from_pretrained(path).eval()
    return _in_torch(module)


def _compiled(path: Path, threads: int) -> LoadedModel:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    import torch
    from transformers import ConvBertForQuestionAnswering

    torch.set_num_threads(threads)
    module = ConvBertForQuestionAnswering.from_pretrained(path).eval()
    return _in_torch(torch.compile(module))


def _in_torch(module: Any) -> LoadedModel:
    import torch

    def run(feed: Feed) -> None:
        with torch.inference_mode():
            module(**feed)

    return LoadedModel(
        lambda batch, length: {name: torch.from_numpy(array) for name, array in _tokens(batch, length).items()}, run
    )


def _onnxruntime(path: Path, threads: int) -> LoadedModel:
    """A session with onnxruntime's defaults, except for the number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options)
    return LoadedModel(_tokens, lambda feed: session.run(None, feed))


def _openvino(path: Path, threads: int) -> LoadedModel:
    return _in_openvino(path, threads, {})


def _openvino_f32(path: Path, threads: int) -> LoadedModel:
    return _in_openvino(path, threads, {"INFERENCE_PRECISION_HINT": "f32"})


def _in_openvino(path: Path, threads: int, settings: dict[str, Any]) -> LoadedModel:
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, **settings}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return LoadedModel(
        _tokens, lambda feed: compiled(feed, share_inputs=True, share_outputs=True), f"computes in {precision}"
    )


def _ours(path: Path, threads: int) -> LoadedModel:
    return _in_our_session(path, threads, native=False)


def _ours_native(path: Path, threads: int) -> LoadedModel:
    return _in_our_session(path, threads, native=True)


def _in_our_session(path: Path, threads: int, native: bool) -> LoadedModel:
    from convbert_onnx import ConvBertOnnxPipeline

    pipe = ConvBertOnnxPipeline(path, threads=threads, native=native)
    return LoadedModel(_tokens, lambda feed: pipe.session.run(None, feed), f"{pipe.info['kernels']}" if native else "")


_ONNXRUNTIME = ("onnxruntime",)
_OPENVINO = ("openvino",)
_OURS = ("onnxruntime", "tokenizers", "convbert_onnx.runtime")
_TRANSFORMERS = ("torch", "transformers.models.convbert.modeling_convbert")

BACKENDS = (
    Backend(FLOOR, "matmuls", _matmuls, ("onnxruntime", "benchmarks.matmul_floor")),
    Backend("transformers", "checkpoint", _transformers, _TRANSFORMERS),
    Backend("torch.compile", "checkpoint", _compiled, _TRANSFORMERS),
    Backend("optimum", "optimum", _onnxruntime, _ONNXRUNTIME),
    Backend("OpenVINO f32", "openvino", _openvino_f32, _OPENVINO),
    Backend("OpenVINO default", "openvino", _openvino, _OPENVINO),
    Backend("ours portable", "portable", _ours, _OURS),
    Backend("ours portable in OpenVINO f32", "portable", _openvino_f32, _OPENVINO),
    Backend("ours cpu", "cpu", _ours, _OURS),
    Backend("ours cpu native", "cpu", _ours_native, _OURS),
    Backend("int8 matmuls alone", "matmuls-int8", _int8_matmuls, ("onnxruntime", "benchmarks.matmul_floor")),
    Backend("optimum int8", "optimum-int8", _onnxruntime, _ONNXRUNTIME),
    Backend("OpenVINO int8", "openvino-int8", _openvino, _OPENVINO),
    Backend("ours int8 portable", "portable-int8", _ours, _OURS),
    Backend("ours int8", "cpu-int8", _ours, _OURS),
    Backend(OURS, "cpu-int8", _ours_native, _OURS),
)
"""All backends, in the order of the results' rows."""


def select_backends(words: Sequence[str]) -> list[Backend]:
    """The backends named by ``words``: whole names, or else parts of names. The matmul floor is always included."""
    names = {backend.name for backend in BACKENDS}
    return [
        backend
        for backend in BACKENDS
        if backend.name == FLOOR
        or any(word == backend.name if word in names else word in backend.name for word in words)
    ]
