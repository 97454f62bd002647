"""Who takes part: one row for each, with one small function that opens its file.

To add one, write a function that opens it, add its file to :mod:`benchmarks.files` if it is a new one, and add a row.
Packages are imported inside the functions: each contestant lives in a process of its own and loads its own only.
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

__all__ = ["CONTESTANTS", "Contestant", "Opened", "choose"]

Feed = dict[str, Any]


@dataclass(frozen=True)
class Opened:
    """A file that is ready to run.

    Attributes:
        feed: the inputs of a batch and a length, in the form that ``run`` takes.
        run: one run; what it gives is left alone.
        note: what the contestant says of itself, such as the precision that it chose.
    """

    feed: Callable[[int, int], Any]
    run: Callable[[Any], object]
    note: str = ""


@dataclass(frozen=True)
class Contestant:
    """A row of the table.

    Attributes:
        name: what tables and plots call it, and what ``--only`` looks for.
        file: the name of its file in ``FILES``.
        open: opens the file with a number of threads.
        imports: the modules that it needs, loaded before the time of opening begins.
    """

    name: str
    file: str
    open: Callable[[Path, int], Opened]
    imports: tuple[str, ...]


def _tokens(batch: int, length: int) -> Feed:
    """Random tokens, none of them padding."""
    shape = (batch, length)
    return {
        "input_ids": np.random.default_rng(0).integers(0, VOCABULARY, shape),
        "attention_mask": np.ones(shape, np.int64),
        "token_type_ids": np.zeros(shape, np.int64),
    }


def _products(path: Path, threads: int) -> Opened:
    from benchmarks.matmul_floor import product_inputs

    return _as_written(path, threads, product_inputs)


def _byte_products(path: Path, threads: int) -> Opened:
    from benchmarks.matmul_floor import byte_product_inputs

    return _as_written(path, threads, byte_product_inputs)


def _as_written(path: Path, threads: int, inputs: Callable[[ConvBertConfig, int, int], Any]) -> Opened:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Equal products of different layers must stay apart.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    config = ConvBertConfig.from_pretrained(path.parent / "checkpoint")
    return Opened(lambda batch, length: inputs(config, batch, length), lambda feed: session.run(None, feed))


def _transformers(path: Path, threads: int) -> Opened:
    import torch
    from transformers import ConvBertForQuestionAnswering

    torch.set_num_threads(threads)
    module = ConvBertForQuestionAnswering.from_pretrained(path).eval()
    return _in_torch(module)


def _compiled(path: Path, threads: int) -> Opened:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    import torch
    from transformers import ConvBertForQuestionAnswering

    torch.set_num_threads(threads)
    module = ConvBertForQuestionAnswering.from_pretrained(path).eval()
    return _in_torch(torch.compile(module))


def _in_torch(module: Any) -> Opened:
    import torch

    def run(feed: Feed) -> None:
        with torch.inference_mode():
            module(**feed)

    return Opened(
        lambda batch, length: {name: torch.from_numpy(array) for name, array in _tokens(batch, length).items()}, run
    )


def _onnxruntime(path: Path, threads: int) -> Opened:
    """A peer's file in a session as its users have it: onnxruntime's defaults, but for the threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options)
    return Opened(_tokens, lambda feed: session.run(None, feed))


def _openvino(path: Path, threads: int) -> Opened:
    return _in_openvino(path, threads, {})


def _openvino_f32(path: Path, threads: int) -> Opened:
    return _in_openvino(path, threads, {"INFERENCE_PRECISION_HINT": "f32"})


def _in_openvino(path: Path, threads: int, settings: dict[str, Any]) -> Opened:
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, **settings}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return Opened(
        _tokens, lambda feed: compiled(feed, share_inputs=True, share_outputs=True), f"computes in {precision}"
    )


def _ours(path: Path, threads: int) -> Opened:
    return _in_our_session(path, threads, native=False)


def _ours_native(path: Path, threads: int) -> Opened:
    return _in_our_session(path, threads, native=True)


def _in_our_session(path: Path, threads: int, native: bool) -> Opened:
    from convbert_onnx import ConvBertOnnxPipeline

    pipe = ConvBertOnnxPipeline(path, threads=threads, native=native)
    return Opened(_tokens, lambda feed: pipe.session.run(None, feed), f"{pipe.info['kernels']}" if native else "")


_ONNXRUNTIME = ("onnxruntime",)
_OPENVINO = ("openvino",)
_OURS = ("onnxruntime", "tokenizers", "convbert_onnx.runtime")
_TRANSFORMERS = ("torch", "transformers.models.convbert.modeling_convbert")

CONTESTANTS = (
    Contestant(FLOOR, "products", _products, ("onnxruntime", "benchmarks.matmul_floor")),
    Contestant("transformers", "checkpoint", _transformers, _TRANSFORMERS),
    Contestant("torch.compile", "checkpoint", _compiled, _TRANSFORMERS),
    Contestant("optimum", "optimum", _onnxruntime, _ONNXRUNTIME),
    Contestant("OpenVINO f32", "openvino", _openvino_f32, _OPENVINO),
    Contestant("OpenVINO default", "openvino", _openvino, _OPENVINO),
    Contestant("ours portable", "portable", _ours, _OURS),
    Contestant("ours portable in OpenVINO f32", "portable", _openvino_f32, _OPENVINO),
    Contestant("ours cpu", "cpu", _ours, _OURS),
    Contestant("ours cpu native", "cpu", _ours_native, _OURS),
    Contestant("int8 products alone", "products-int8", _byte_products, ("onnxruntime", "benchmarks.matmul_floor")),
    Contestant("optimum int8", "optimum-int8", _onnxruntime, _ONNXRUNTIME),
    Contestant("OpenVINO int8", "openvino-int8", _openvino, _OPENVINO),
    Contestant("ours int8 portable", "portable-int8", _ours, _OURS),
    Contestant("ours int8", "cpu-int8", _ours, _OURS),
    Contestant(OURS, "cpu-int8", _ours_native, _OURS),
)
"""The table, in the order of the results' columns."""


def choose(words: Sequence[str]) -> list[Contestant]:
    """Those whose name is a word, else those whose name has it; the floor always."""
    names = {one.name for one in CONTESTANTS}
    return [
        one
        for one in CONTESTANTS
        if one.name == FLOOR or any(word == one.name if word in names else word in one.name for word in words)
    ]
