"""An exported model opened for use: session, tokenizer and config, from one file or from a directory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.bundle import Bundle
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError, FileMissingError, RunError
from convbert_onnx.runtime.batching import batches, collate
from convbert_onnx.runtime.cpu import needs_exact_option
from convbert_onnx.runtime.encoding import Encoding, IntArray
from convbert_onnx.runtime.kernels import KernelUse, Native
from convbert_onnx.runtime.providers import ProviderSpec
from convbert_onnx.runtime.session import open_session
from convbert_onnx.runtime.tokenizer_base import TokenizerBase
from convbert_onnx.runtime.tokenizers_loading import load_tokenizer, tokenizer_from_json
from convbert_onnx.tasks import Task, task_by_name, task_of_architectures

__all__ = ["Model", "Outputs", "find_file", "open_model"]

Outputs = dict[str, NDArray[np.float32]]
"""The outputs of one row, by name, without the batch axis and without padding."""


@dataclass(frozen=True)
class Model:
    """A session with what belongs to it.

    Attributes:
        path: the ONNX file.
        session: the ``onnxruntime.InferenceSession``.
        task: what the model is for.
        config: sizes and labels.
        tokenizer: turns text into the session's inputs.
        bundle: what the file says of itself, or None where it is from somewhere else.
        kernels: how the session computes our operators.
    """

    path: Path
    session: Any
    task: Task
    config: ConvBertConfig
    tokenizer: TokenizerBase
    bundle: Bundle | None
    kernels: KernelUse

    @property
    def max_length(self) -> int:
        """The longest row in tokens that both tokenizer and position embeddings allow."""
        positions = self.config.max_position_embeddings
        return min(self.tokenizer.model_max_length or positions, positions)

    @property
    def padding_changes_results(self) -> bool:
        """Whether rows of different lengths must not share a batch: so it is unless the export says otherwise."""
        return self.bundle is None or self.bundle.record.padding != "masked"

    @property
    def _has_choices(self) -> bool:
        return "choices" in self.task.inputs[0].axes

    def feed(self, rows: Sequence[Encoding]) -> dict[str, IntArray]:
        """The session's inputs for a batch of rows."""
        # A padding token that the vocabulary lacks has no embedding; what stands in masked places does not matter.
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id < self.config.vocab_size else 0
        inputs = collate(rows, pad)
        if self._has_choices:
            # The score of a choice does not depend on the others, so each row can be a question of its own.
            inputs = {name: array[:, None] for name, array in inputs.items()}
        wanted = {spec.name for spec in self.session.get_inputs()}
        return {name: array for name, array in inputs.items() if name in wanted}

    def run(self, rows: Sequence[Encoding], max_rows: int | None = None) -> list[Outputs]:
        """The outputs of each row, in the rows' order.

        Raises:
            RunError: the engine failed.
        """
        results: list[Outputs] = [{}] * len(rows)
        names = [spec.name for spec in self.task.outputs]
        for batch in batches(rows, max_rows=max_rows, equal_lengths=self.padding_changes_results):
            feed = self.feed([rows[number] for number in batch])
            try:
                arrays = self.session.run(names, feed)
            except Exception as error:  # onnxruntime's exceptions have no common base below Exception
                shape = feed["input_ids"].shape
                raise RunError(f"onnxruntime failed on {self.path} with a batch of {shape} tokens: {error}") from error
            for position, number in enumerate(batch):
                length = len(rows[number])
                results[number] = {
                    spec.name: array[position, :length] if "sequence" in spec.axes else array[position]
                    for spec, array in zip(self.task.outputs, arrays, strict=True)
                }
        return results


def open_model(
    path: str | Path,
    task: str | None = None,
    *,
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    tokenizer: TokenizerBase | str | Path | None = None,
    config: ConvBertConfig | None = None,
    session_options: Any = None,
    native: Native | None = None,
) -> Model:
    """Open an ONNX file, or a directory in optimum's layout.

    What is passed wins over what the file carries, and that over what lies beside it.

    Raises:
        FileMissingError: there is no such file, or no model, tokenizer or config to be found.
        BundleError: the file is no model that can be run here, or not one for the task.
        InputError: there is no such task, or the tokenizer does not fit.
        ProviderError: a provider that was asked for is not active.
        KernelsError: the native kernels were demanded, and cannot be used.
    """
    file = find_file(Path(path))
    session, kernels = open_session(file, providers, threads, session_options, native)
    metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    try:
        bundle = Bundle.from_metadata(metadata)
    except BundleError as error:
        raise BundleError(f"{file}: {error}") from error
    if bundle is not None and needs_exact_option(bundle.record):
        session, kernels = open_session(file, providers, threads, session_options, native, exact_int8=True)
    if config is None:
        config = bundle.config if bundle else _config_beside(file)
    found = _find_task(file, task, bundle, config)
    _check_interface(file, session, found)
    if not isinstance(tokenizer, TokenizerBase):
        if tokenizer is not None:
            tokenizer = load_tokenizer(tokenizer)
        elif bundle is not None:
            tokenizer = tokenizer_from_json(bundle.tokenizer_json, bundle.tokenizer_config)
        else:
            tokenizer = load_tokenizer(file.parent)
    tokenizer.check_fits(config)
    return Model(file, session, found, config, tokenizer, bundle, kernels)


def find_file(path: Path) -> Path:
    """The ONNX file that a path means: itself, or the one in a directory.

    Raises:
        FileMissingError: there is none.
        BundleError: the directory has several and none is called model.onnx.
    """
    if path.is_file():
        return path
    if not path.exists():
        raise FileMissingError(f"{path} does not exist: name an exported .onnx file or a directory with one")
    files = sorted(path.glob("*.onnx"))
    if path / "model.onnx" in files:
        return path / "model.onnx"
    if len(files) == 1:
        return files[0]
    if files:
        raise BundleError(f"{path} has several models ({', '.join(file.name for file in files)}): name one of them")
    raise FileMissingError(
        f"{path} has no .onnx file: write one with convbert-onnx export --layout directory -o {path}"
    )


def _config_beside(file: Path) -> ConvBertConfig:
    if not (file.parent / "config.json").is_file():
        raise FileMissingError(
            f"{file} carries no config and no config.json lies beside it: put the checkpoint's config.json there, or "
            "pass config="
        )
    return ConvBertConfig.from_pretrained(file.parent)


def _find_task(file: Path, asked: str | None, bundle: Bundle | None, config: ConvBertConfig) -> Task:
    task = task_by_name(asked) if asked is not None else None
    own = task_by_name(bundle.record.task) if bundle else task_of_architectures(config.architectures)
    if task is not None and bundle is not None and task != own:
        raise BundleError(
            f"{file} was exported for {bundle.record.task}, not for {task.name}: export it with --task {asked}"
        )
    found = task or own
    if found is None:
        raise BundleError(f"{file} does not say what task it is for: pass task=, for example task='qa'")
    return found


def _check_interface(file: Path, session: Any, task: Task) -> None:
    inputs = {spec.name: len(spec.shape) for spec in session.get_inputs()}
    outputs = {spec.name for spec in session.get_outputs()}
    expected = {spec.name: len(spec.axes) for spec in task.inputs}
    needed = {spec.name for spec in task.outputs}
    # Some exporters leave out token_type_ids where a model has no use for them.
    fits = inputs.items() <= expected.items() and {"input_ids", "attention_mask"} <= inputs.keys() and needed <= outputs
    if not fits:
        raise BundleError(
            f"{file} is no {task.name} model: it takes {', '.join(sorted(inputs))} and gives "
            f"{', '.join(sorted(outputs))}, the task needs {', '.join(expected)} and {', '.join(sorted(needed))}; "
            f"export one with --task {task.name}"
        )
