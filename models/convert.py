"""Convert a checkpoint of any supported format to safetensors, with its config and tokenizer."""

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
    """The result of a conversion.

    Attributes:
        source: name of the checkpoint that was read.
        directory: the new checkpoint.
        head: name of the model class.
        parameters: number of weights.
        sha256: hash of the weights, which exports record too.
        tokenizer: names of the copied tokenizer files; empty if the checkpoint has none.
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
    """Write a checkpoint of any supported format as model.safetensors, config.json and the tokenizer's files, in fp32.

    The new files appear together once all are complete; files with other names in the directory are kept.

    Args:
        checkpoint: a directory, or the id of a repository on the Hugging Face hub.
        output: the directory to write to.
        task: keep the head of this task; by default the one named by the config's ``architectures``, or no head if they
            name none.
        revision: branch, tag or commit of the repository.
        offline: use the cache only, without contacting the hub.
        allow_random_head: initialize a missing head randomly, for tests.

    Raises:
        FileMissingError: the checkpoint or one of its files does not exist.
        HubError: the hub cannot be reached, or refuses access.
        ConfigError: the config is not a ConvBERT config.
        CheckpointError: the weights cannot be read or do not fit the model (MissingHeadError: those of the head are
            missing), a file is a symbolic link to a place outside the directory, or the output is a file.
        OutputError: the output cannot be written.
        MissingExtraError: reading the format needs a package that is not installed (MissingPackageError: TensorFlow).
        InputError: the task is unknown.
    """
    output = Path(output)
    if output.exists() and not output.is_dir():
        raise CheckpointError(f"{output} is a file: name a directory")
    source = locate(checkpoint, revision, offline)
    config = ConvBertConfig.from_pretrained(source.directory)
    spec = task_by_name(task) if task is not None else task_of_architectures(config.architectures)
    head = spec.head if spec else "ConvBertModel"
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
