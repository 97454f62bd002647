"""Writing the graph: one file, or where protobuf cannot hold it, a file with its weights beside it."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import onnx
import onnx_ir as ir

from convbert_onnx.bundle import Bundle, ExportRecord
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.verification import hash_metadata, hash_parts

__all__ = ["LARGEST_FILE", "append_bundle", "data_file", "save_graph"]

LARGEST_FILE = 2**31 - 2**26
"""Bytes of weights that fit into one file: protobuf's limit of 2 GB, with 64 MB left for graph and metadata."""


def data_file(file: Path) -> Path:
    """Where the weights of a file are that is too large to hold them."""
    return file.with_name(f"{file.name}.data")


def save_graph(graph: ir.Model, file: Path) -> None:
    """Write a graph, with its weights beside it where one file cannot hold them."""
    if _weight_bytes(graph) <= LARGEST_FILE:
        ir.save(graph, file, format="protobuf")
    else:
        ir.save(graph, file, format="protobuf", external_data=data_file(file).name)


def append_bundle(path: Path, bundle: Bundle) -> ExportRecord:
    """Add a bundle's entries to the metadata of a written file, and hashes of the file's parts to its record.

    Two protobuf messages one after the other are read as one, with their repeated fields joined; so the graph, which
    may be large, need not be written a second time.

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
