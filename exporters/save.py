"""Write a graph to one file, or to two where protobuf cannot hold its weights, and add the bundle."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import onnx
import onnx_ir as ir

from convbert_onnx.bundle import Bundle, ExportRecord
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.verification import hash_metadata, hash_parts

__all__ = ["MAX_WEIGHT_BYTES", "append_bundle", "data_file", "save_graph"]

MAX_WEIGHT_BYTES = 2**31 - 2**26
"""Weights that fit into one file: protobuf's limit of 2 GB, with 64 MB left for graph and metadata."""


def data_file(file: Path) -> Path:
    """The file next to ``file`` that holds its weights, if they are too large for one file."""
    return file.with_name(f"{file.name}.data")


def save_graph(graph: ir.Model, file: Path) -> None:
    """Write a graph; weights that one file cannot hold go to ``data_file(file)``."""
    if _weight_bytes(graph) <= MAX_WEIGHT_BYTES:
        ir.save(graph, file, format="protobuf")
    else:
        ir.save(graph, file, format="protobuf", external_data=data_file(file).name)


def append_bundle(path: Path, bundle: Bundle) -> ExportRecord:
    """Append a bundle to the metadata of a written file, with hashes of the file's parts in its record.

    A reader of protobuf merges two consecutive messages and concatenates their repeated fields, so the graph, which may
    be large, is not written a second time.

    Returns:
        The record with the hashes.
    """
    with OnnxFile(path) as file, closing(ExternalData(file)) as external:
        hashes = hash_parts(file, external) | hash_metadata(bundle.to_metadata())
    record = replace(bundle.record, sha256=hashes)
    tail = onnx.ModelProto()
    onnx.helper.set_model_props(tail, replace(bundle, record=record).to_metadata())
    with path.open("ab") as written:
        written.write(tail.SerializeToString())
    return record


def _weight_bytes(graph: ir.Model) -> int:
    weights = (value.const_value for value in graph.graph.initializers.values())
    return sum(weight.nbytes for weight in weights if weight is not None)
