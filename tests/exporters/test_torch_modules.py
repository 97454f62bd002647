from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from golden import CHECKPOINTS
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel

from convbert_onnx import models
from convbert_onnx.errors import CheckpointError, ConvBertError, ExportError, InputTypeError
from convbert_onnx.exporters import export
from convbert_onnx.exporters.torch_modules import find_model, read_model, task_of_model
from convbert_onnx.models.checkpoint import hash_weights
from convbert_onnx.models.pretrained import PreTrainedModel

PLAIN = CHECKPOINTS / "plain-text-classification"
SOURCES: list[Any] = [models, transformers]


def model_of(source: Any) -> Any:
    return source.ConvBertForSequenceClassification.from_pretrained(PLAIN)


def read(model: nn.Module) -> PreTrainedModel:
    """Read a model as export() does, and check that the given model is not changed."""
    state = [(name, weight.data_ptr(), weight.requires_grad) for name, weight in model.named_parameters()]
    modes = [module.training for module in model.modules()]
    inner = find_model(model)
    task = task_of_model(inner)
    assert task is not None
    found = read_model(inner, task, "masked")
    assert state == [(name, weight.data_ptr(), weight.requires_grad) for name, weight in model.named_parameters()]
    assert modes == [module.training for module in model.modules()]
    assert not any(module.training for module in found.modules())
    assert {weight.dtype for weight in found.parameters()} == {torch.float32}
    return found


RIGHT = hash_weights(models.ConvBertForSequenceClassification.from_pretrained(PLAIN).state_dict())


class Trainer(nn.Module):
    """A trainer's module: a model and its loss."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.loss = nn.CrossEntropyLoss(weight=torch.ones(2))


def compiled(module: Any) -> Any:
    return torch.compile(module, backend="eager")  # importing the default one warns


def compile_the_backbone(model: Any) -> Any:
    model.convbert = compiled(model.convbert)
    return model


def freeze(model: Any) -> Any:
    model.requires_grad_(False)
    model.classifier.train()
    return model


def hook(model: Any) -> Any:
    model.register_forward_hook(lambda *_: pytest.fail("the model ran"))
    return model


def transpose_in_memory(model: Any) -> Any:
    weight = model.classifier.dense.weight
    model.classifier.dense.weight = nn.Parameter(weight.detach().t().contiguous().t())
    return model


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        compiled,
        lambda model: nn.DataParallel(compiled(model)),
        compile_the_backbone,
        nn.Sequential,
        Trainer,
        AveragedModel,
        lambda model: model.double().train(),
        freeze,
        hook,
        transpose_in_memory,
    ],
)
def test_a_wrapped_or_changed_model_is_read(source: Any, wrap: Callable[[Any], Any]) -> None:
    assert hash_weights(read(wrap(model_of(source))).state_dict()) == RIGHT


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_converted_to_fp32(source: Any, dtype: torch.dtype) -> None:
    read(model_of(source).to(dtype))


@pytest.mark.parametrize("source", SOURCES)
def test_a_derived_class_is_read_as_its_base(source: Any) -> None:
    class Weighted(source.ConvBertForSequenceClassification):  # type: ignore[misc]
        """A class with its own loss, which does not change the logits."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.register_buffer("class_weights", torch.ones(2))

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any, labels: Any = None) -> Any:
            return super().forward(input_ids, attention_mask, token_type_ids)

    class Derived(Weighted):
        def forward(self, *inputs: Any, **options: Any) -> Any:
            raise NotImplementedError

    for kind in (Weighted, Derived):
        assert hash_weights(read(kind.from_pretrained(PLAIN).train()).state_dict()) == RIGHT


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("form", [lambda logits: logits, lambda logits: (logits,), lambda logits: {"logits": logits}])
def test_a_derived_class_with_other_outputs_is_refused(source: Any, form: Callable[[Any], Any]) -> None:
    class Derived(source.ConvBertForSequenceClassification):  # type: ignore[misc]
        def forward(self, **inputs: Any) -> Any:
            return form(super().forward(**inputs).logits * 2)

    with pytest.raises(ExportError, match="the forward of Derived returns other logits"):
        read(Derived.from_pretrained(PLAIN))


class Head(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.bert = model
        self.own = nn.Linear(2, 3)


class Both(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.student, self.teacher = model, model_of(models)


class Adapter(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.base_layer, self.lora_A = layer, nn.Linear(2, 2)


def adapt(model: Any) -> Any:
    model.classifier.dense = Adapter(model.classifier.dense)
    return model


def pruned(model: Any) -> Any:
    prune_half: Any = prune.l1_unstructured
    prune_half(model.classifier.dense, "weight", amount=0.5)
    return model


def parametrized(model: Any) -> Any:
    parametrizations.spectral_norm(model.classifier.dense)
    return model


def extended(model: Any) -> Any:
    model.crf = nn.Linear(2, 2)
    return model


def shortened(model: Any) -> Any:
    model.classifier.dense = nn.Identity()
    return model


def without_config(model: Any) -> Any:
    model.config = None
    return model


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: nn.Sequential(model, nn.Softmax(-1)), "has other modules in addition to"),
        (Head, r"weights of its own \(own.weight, own.bias\)"),
        (Both, "has several models inside"),
        (lambda model: model.to("meta"), "is on the meta device"),
        (lambda model: nn.Linear(2, 2), "is not a ConvBERT and has none inside"),
        (adapt, "merge_and_unload"),
        (pruned, "prune.remove"),
        (parametrized, "remove_parametrizations"),
        (extended, "crf.weight"),
        (shortened, "classifier.dense.weight"),
        (without_config, "has no config"),
    ],
)
def test_models_that_an_export_would_change_are_refused(
    source: Any, change: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(ConvBertError, match=message) as caught:
        read(change(model_of(source)))
    assert isinstance(caught.value, ExportError | CheckpointError)


def test_untied_word_embeddings_of_a_model_in_memory_are_kept() -> None:
    reference: Any = transformers.ConvBertForMaskedLM.from_pretrained(CHECKPOINTS / "plain-fill-mask")
    assert read(reference).config.tie_word_embeddings
    reference.generator_lm_head.weight = nn.Parameter(reference.generator_lm_head.weight * 2)
    ids = torch.arange(5, 15)[None]
    with torch.inference_mode():
        torch.testing.assert_close(read(reference)(ids).logits, reference(ids).logits, rtol=1e-4, atol=1e-4)


def test_a_derived_model_inside_a_wrapper_is_exported(tmp_path: Path) -> None:
    class Weighted(models.ConvBertForSequenceClassification):
        """The same class under another name."""

    model = nn.DataParallel(Weighted.from_pretrained(PLAIN)).train()
    record = export(model, tmp_path / "model.onnx", tokenizer=CHECKPOINTS / "plain-question-answering")
    assert (record.task, record.source, record.source_sha256) == ("text-classification", "Weighted", RIGHT)
    with pytest.raises(ExportError, match="a Weighted cannot do token-classification"):
        export(model, tmp_path / "model.onnx", task="ner", tokenizer=PLAIN)


def test_values_other_than_models_are_refused(tmp_path: Path) -> None:
    wrong: Any = {"state_dict": {}}
    with pytest.raises(InputTypeError, match=r"model must be a directory, .*, not dict"):
        export(wrong, tmp_path / "model.onnx")
