"""convert(): any checkpoint that can be read, written as safetensors with config and tokenizer."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError
from convbert_onnx.files import replacing
from convbert_onnx.models.checkpoint import hash_weights
from convbert_onnx.models.checkpoint_files import TOKENIZER_FILES
from convbert_onnx.models.formats import SAFETENSORS
from convbert_onnx.models.heads import HEADS
from convbert_onnx.models.sources import locate
from convbert_onnx.tasks import task_by_name, task_of_architectures

__all__ = ["Conversion", "convert"]


@dataclass(frozen=True)
class Conversion:
    """What was converted.

    Attributes:
        source: name of the checkpoint that was read.
        directory: where the new one is.
        head: the class whose weights it holds.
        parameters: number of weights.
        sha256: hash of the weights, as an export of them records it.
        tokenizer: the tokenizer's files, copied as they were; none where the checkpoint has none.
    """

    source: str
    directory: str
    head: str
    parameters: int
    sha256: str
    tokenizer: tuple[str, ...]


def convert(
    checkpoint: str | Path,
    output: str | Path,
    *,
    task: str | None = None,
    revision: str | None = None,
    offline: bool = False,
    allow_random_head: bool = False,
) -> Conversion:
    """Write a checkpoint of any format as model.safetensors, config.json and the tokenizer's files, in fp32.

    Files of the output directory that have other names stay; the new ones appear together when all are written.

    Args:
        checkpoint: a directory, or the id of a repository of the hub.
        output: the directory to write.
        task: keep this task's head; by default the one that the config's ``architectures`` name, or only the backbone
            where they name none.
        revision: branch, tag or commit of the repository.
        offline: do not ask the hub.
        allow_random_head: draw a head that the checkpoint lacks (for tests).

    Raises:
        FileMissingError: the checkpoint or a file of it is not there.
        HubError: the hub cannot be reached, or refuses.
        ConfigError: the checkpoint's config is no ConvBERT's.
        CheckpointError: its weights cannot be read or do not fit (MissingHeadError: it has none for the head), a
            file of it is a link to somewhere else, or the output is a file.
        OutputError: the output cannot be written there.
        MissingExtraError: reading the format needs a package that is not installed (MissingPackageError: TensorFlow).
        InputError: there is no such task.
    """
    output = Path(output)
    if output.exists() and not output.is_dir():
        raise CheckpointError(f"{output} is a file: name a directory")
    source = locate(checkpoint, revision, offline)
    config = ConvBertConfig.from_pretrained(source.directory)
    found = task_by_name(task) if task is not None else task_of_architectures(config.architectures)
    head = found.head if found else "ConvBertModel"
    model = HEADS[head].from_pretrained(source.directory, allow_random_head=allow_random_head)
    with replacing(output / SAFETENSORS) as path:
        model.save_pretrained(path.parent)
        tokenizer = tuple(name for name in TOKENIZER_FILES if (source.directory / name).is_file())
        for name in tokenizer:
            shutil.copyfile(source.directory / name, path.with_name(name))
    return Conversion(
        source=source.name,
        directory=str(output),
        head=head,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        sha256=hash_weights(model.state_dict()),
        tokenizer=tokenizer,
    )
