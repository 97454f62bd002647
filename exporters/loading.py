"""Find and load what is exported: a checkpoint or a model in memory, its task and its tokenizer."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from convbert_onnx.bundle import Bundle, ExportRecord, Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ExportError, FileMissingError, InputError, InputTypeError
from convbert_onnx.exporters.torch_modules import config_of, find_model, read_model, task_of_model
from convbert_onnx.models import checkpoint
from convbert_onnx.models.checkpoint_files import refuse_links
from convbert_onnx.models.heads import HEADS
from convbert_onnx.models.pretrained import PreTrainedModel
from convbert_onnx.models.sources import locate
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Tokens
from convbert_onnx.runtime.tokenization.loading import load_tokenizer
from convbert_onnx.tasks import Task, task_by_name, task_of_architectures

__all__ = ["Loaded", "Source", "find_source", "load"]


@dataclass(frozen=True)
class Source:
    """A model in memory or the directory of a checkpoint.

    Attributes:
        model: either of them; a model without the wrappers around it.
        name: the source's name in the export record.
        config: its config.
    """

    model: nn.Module | Path
    name: str
    config: ConvBertConfig


def find_source(model: nn.Module | str | Path, revision: str | None = None, offline: bool = False) -> Source:
    """Find a model inside its wrappers, or a checkpoint on disk or the hub, and read its config.

    Args:
        model: a model, a directory, or the id of a repository of the Hugging Face hub.
        revision: branch, tag or commit of the repository; by default ``main``.
        offline: take the repository from the cache.

    Raises:
        FileMissingError: the directory or its config.json does not exist.
        HubError: the hub cannot be reached, or refuses.
        ConfigError: the config is not a ConvBERT's.
        ExportError: there is no ConvBERT inside the model, or several.
        InputTypeError: ``model`` is none of these.
    """
    if isinstance(model, nn.Module):
        inner = find_model(model)
        return Source(inner, type(inner).__name__, config_of(inner))
    if not isinstance(model, str | Path):
        raise InputTypeError(
            f"model must be a directory, the id of a repository, or a model of PyTorch, not {type(model).__name__}"
        )
    located = locate(model, revision, offline)
    return Source(located.directory, located.name, ConvBertConfig.from_pretrained(located.directory))


@dataclass(frozen=True)
class Loaded:
    """A source that was read.

    Attributes:
        model: the model of our class, in evaluation mode.
        task: the task of its head.
        tokenizer: its tokenizer.
        name: the source's name in the export record.
    """

    model: PreTrainedModel
    task: Task
    tokenizer: TokenizerBase
    name: str

    @property
    def weights_sha256(self) -> str:
        """The hash of the weights in the export record."""
        return checkpoint.hash_weights(self.model.state_dict())

    def bundle(self, record: ExportRecord) -> Bundle:
        """The bundle of a file made from the model."""
        return Bundle(self.model.config, self.tokenizer.tokenizer_json, self.tokenizer.settings, record)


def load(
    source: Source,
    task: str | None,
    padding: Padding,
    tokenizer: TokenizerBase | str | Path | None = None,
    allow_random_head: bool = False,
) -> Loaded:
    """Read the model, and a tokenizer that fits it.

    Args:
        source: from :func:`find_source`.
        task: name or short name; by default that of the source's head.
        padding: how the model treats padding.
        tokenizer: a tokenizer or a directory with one; by default the checkpoint's.
        allow_random_head: initialize a head randomly where the checkpoint has none.

    Raises:
        FileMissingError: the weights or the tokenizer do not exist.
        CheckpointError: the weights do not fit the config or the task's head.
        ExportError: the model in memory has another head than the task's.
        InputError: the task is unknown, or the tokenizer does not fit the model.
    """
    spec = _find_task(source, task)
    if isinstance(source.model, nn.Module):
        model = read_model(source.model, spec, padding)
    else:
        file, tensors = checkpoint.read(source.model)
        model = HEADS[spec.head].from_state_dict(
            source.config, tensors, padding=padding, allow_random_head=allow_random_head, source=str(file)
        )
    loaded = Loaded(model, spec, _load_tokenizer(source, tokenizer), source.name)
    loaded.tokenizer.check_fits(model.config)
    if spec.reads_pairs:
        _check_token_types(loaded.tokenizer, model.config)
    return loaded


def _find_task(source: Source, name: str | None) -> Task:
    """The task that was asked for, or else that of the source's head."""
    if isinstance(source.model, nn.Module):
        own = task_of_model(source.model)
    else:
        own = task_of_architectures(source.config.architectures)
    spec = task_by_name(name) if name is not None else own
    if spec is None:
        raise InputError(f'{source.name} does not say what task it is for: pass task=..., for example task="qa"')
    if isinstance(source.model, nn.Module) and spec != own:
        raise ExportError(f"a {source.name} cannot do {spec.name}: pass a {spec.head}")
    return spec


def _load_tokenizer(source: Source, tokenizer: TokenizerBase | str | Path | None) -> TokenizerBase:
    if isinstance(tokenizer, TokenizerBase):
        return tokenizer
    if tokenizer is None:
        if isinstance(source.model, nn.Module):
            raise FileMissingError("a model has no tokenizer of its own: pass tokenizer=..., for example its directory")
        tokenizer = source.model
    if Path(tokenizer).is_dir():
        refuse_links(Path(tokenizer))
    return load_tokenizer(tokenizer)


def _check_token_types(tokenizer: TokenizerBase, config: ConvBertConfig) -> None:
    types = int(tokenizer.model_row(Tokens.from_ids([0]), Tokens.from_ids([0])).type_ids.max()) + 1
    if types > config.type_vocab_size:
        raise InputError(
            f"the tokenizer has {types} token types for the texts of a pair, the model has {config.type_vocab_size} "
            "token type: pass the tokenizer that it was trained with, or one without token_type_ids in its "
            '"model_input_names"'
        )
