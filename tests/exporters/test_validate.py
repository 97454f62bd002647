import pytest
import torch
from golden import CHECKPOINTS, Exported

from convbert_onnx import ConvBertConfig
from convbert_onnx.errors import ParityError
from convbert_onnx.exporters.validate import TOLERANCE, shapes_to_validate, validate
from convbert_onnx.models import ConvBertForQuestionAnswering
from convbert_onnx.tasks import task_by_name

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.mark.parametrize("longest", [2, 8, 16, 26, 2**20])
def test_shapes_to_validate_stay_within_the_model(longest: int) -> None:
    shapes = shapes_to_validate(ConvBertConfig(max_position_embeddings=longest))
    lengths = [sequence for _, sequence, _ in shapes]
    assert (min(lengths), max(lengths)) == (1, longest)
    assert len(set(shapes)) == len(shapes) <= 10


def test_validate_refuses_the_file_of_another_model(exported: Exported) -> None:
    model = ConvBertForQuestionAnswering.from_pretrained(PLAIN, padding="masked")
    task = task_by_name("qa")
    validate(exported(), model, task)
    with torch.no_grad():
        model.qa_outputs.weight.copy_(model.qa_outputs.weight.flip(0))  # start and end change places
    with pytest.raises(ParityError, match=r"differs from the model by .* at batch 1, length 1"):
        validate(exported(), model, task)


def test_validate_refuses_padding_that_leaks(exported: Exported) -> None:
    model = ConvBertForQuestionAnswering.from_pretrained(PLAIN, padding="masked")
    with pytest.raises(ParityError, match="batch 4, length 20, padded"):
        validate(exported(padding="as-trained"), model, task_by_name("qa"))


def test_validate_reports_each_shape(exported: Exported) -> None:
    model = ConvBertForQuestionAnswering.from_pretrained(PLAIN, padding="masked")
    calls: list[None] = []
    validated = validate(exported(), model, task_by_name("qa"), lambda: calls.append(None))
    assert [(shape.batch, shape.sequence, shape.padded) for shape in validated] == shapes_to_validate(model.config)
    assert len(calls) == len(validated)
    assert max(shape.difference for shape in validated) < TOLERANCE
