"""What the accuracy benchmark reads, and the product that it computes for CPUs that are not here."""

import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from golden import Exported
from numpy.typing import NDArray

from benchmarks.accuracy.data import write_data
from benchmarks.accuracy.variants import FORMS
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data

NAME = "Wiki1k:wikipedia:42:7:0"


def test_questions_become_spans_of_their_sentence(tmp_path: Path) -> None:
    public = tmp_path / "qamr"
    public.mkdir()
    (public / "wiki-sentences.tsv").write_text(f"{NAME}\tThe Sahara -LRB- a desert -RRB- is dry .\n")
    rows = [
        f"{NAME}\t1\t2\t0\t1\tWhat is dry?\t0 1\t3:1\t4:0 1\n",
        f"{NAME}\t1\t2\t0\t1\tIn pieces?\t1 3\t3:1\n",  # no span, left out
    ]
    for split in ("dev", "test"):
        with gzip.open(public / f"filtered.{split}.tsv.gz", "wt") as file:
            file.writelines(rows)
    assert write_data("question-answering", tmp_path, tmp_path) == []
    ((article),) = json.loads((tmp_path / "test.json").read_text())["data"]
    (paragraph,) = article["paragraphs"]
    assert paragraph["context"] == "The Sahara ( a desert ) is dry ."
    (question,) = paragraph["qas"]
    assert [answer["text"] for answer in question["answers"]] == ["The Sahara", "Sahara", "The Sahara"]
    for answer in question["answers"]:
        start = answer["answer_start"]
        assert paragraph["context"][start : start + len(answer["text"])] == answer["text"]


def test_tags_become_iob2_of_three_kinds(tmp_path: Path) -> None:
    words = "-DOCSTART- O\n\nDust O\nNiger I-LOC\nDelta I-LOC\nFriday I-MISC\nAda B-PER\nAda B-PER\n\n"
    for folder in ("btc", "wikigold", "uner_en_ewt"):
        (tmp_path / folder).mkdir()
    (tmp_path / "btc" / "a.conll").write_text(words)
    (tmp_path / "wikigold" / "wikigold.conll.txt").write_text("Rome I-LOC\n")
    (tmp_path / "uner_en_ewt" / "test.iob2").write_text("# text = Dust\n1\tDust\tO\t-\n2\tOslo\tB-LOC\t-\n")
    labels = write_data("token-classification", tmp_path, tmp_path)
    assert labels == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
    train, second = (tmp_path / "train.conll").read_text().strip().split("\n\n")
    assert train.split("\n") == ["Dust O", "Niger B-LOC", "Delta I-LOC", "Friday O", "Ada B-PER", "Ada B-PER"]
    assert second == "Rome B-LOC"
    assert (tmp_path / "test.conll").read_text() == "Dust O\nOslo B-LOC\n"


def test_texts_become_rows_that_the_evaluation_reads(tmp_path: Path) -> None:
    (tmp_path / "clinc150").mkdir()
    texts = {"train": [["is it dusty", "weather"], ["pay, now", "bill"]], "test": [["pay", "bill"]]}
    (tmp_path / "clinc150" / "data_full.json").write_text(json.dumps(texts))
    assert write_data("text-classification", tmp_path, tmp_path) == ["bill", "weather"]
    with (tmp_path / "train.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["text", "label"], *texts["train"]]
    config = ConvBertConfig(id2label={0: "bill", 1: "weather"})
    (example,) = read_labelled_data(tmp_path / "test.csv", "text-classification", config)
    assert (example.call, example.expected) == ({"inputs": {"text": "pay"}, "truncation": True}, "bill")


def test_weights_of_eight_bits_are_exact_on_any_machine(exported: Exported, tmp_path: Path) -> None:
    shutil.copy(exported(), tmp_path / "fp32.onnx")
    FORMS["int8 (VNNI and ARM)"]("question-answering", tmp_path, tmp_path / "eight.onnx")
    model = onnx.load(tmp_path / "eight.onnx")
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type == "MatMulInteger"]
    assert len(products) >= 3 * 4
    for node in products:
        weight = weights[node.input[1]]
        assert weight.dtype == np.uint8
        assert (np.abs(weight.astype(int) - 128).max(axis=0) == 127).all()
        rows = (255 * (weight > 128)).T.astype(np.uint8)
        (product,) = run_node(node, {"rows": rows, **weights})
        zero_point = weights[node.input[2]].astype(int)
        np.testing.assert_array_equal(product, (rows.astype(int) - zero_point) @ (weight.astype(int) - 128))


def run_node(node: onnx.NodeProto, tensors: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """What onnxruntime computes for one product of bytes, on the tensor "rows"."""
    single = onnx.NodeProto()
    single.CopyFrom(node)
    single.input[0], single.output[0] = "rows", "product"
    fixed = [onnx.numpy_helper.from_array(tensors[name], name) for name in single.input[1:]]
    rows = onnx.helper.make_tensor_value_info("rows", onnx.TensorProto.UINT8, [None, None])
    product = onnx.helper.make_tensor_value_info("product", onnx.TensorProto.INT32, [None, None])
    graph = onnx.helper.make_graph([single], "product", [rows], [product], fixed)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return list(session.run(None, {"rows": tensors["rows"]}))
