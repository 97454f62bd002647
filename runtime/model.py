"""An exported model opened for use: session, tokenizer and config, from one file or from a directory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.bundle import Bundle
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError, FileMissingError, RunError
from convbert_onnx.runtime.batching import TOKEN_BUDGET, batches, collate
from convbert_onnx.runtime.cpu import needs_exact_option
from convbert_onnx.runtime.encoding import Encoding, IntArray
from convbert_onnx.runtime.kernels import KernelUse, Native
from convbert_onnx.runtime.providers import ProviderSpec
from convbert_onnx.runtime.session import open_session
from convbert_onnx.runtime.tokenizer_base import TokenizerBase
from convbert_onnx.runtime.tokenizers_loading import load_tokenizer, tokenizer_from_json
from convbert_onnx.tasks import Task, task_by_name, task_of_architectures

__all__ = ["Model", "Outputs", "find_file", "open_model"]

_MAX_OUTPUT_BYTES = 2**26
"""Outputs of one batch; it counts where each token has a score for every word of a vocabulary."""

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
        inputs = collate(rows, self.tokenizer.pad_token_id)
        if self._has_choices:
            # The score of a choice does not depend on the others, so each row can be a question of its own.
            inputs = {name: array[:, None] for name, array in inputs.items()}
        wanted = {spec.name for spec in self.session.get_inputs()}
        return {name: array for name, array in inputs.items() if name in wanted}

    def run(self, rows: Sequence[Encoding], max_rows: int | None = None) -> list[Outputs]:
        """The outputs of each row without padding, in the rows' order.

        Raises:
            RunError: the engine failed, or an output is not finite.
        """
        results: list[Outputs] = [{}] * len(rows)
        for number, outputs in self.run_each(rows, max_rows):
            if isinstance(outputs, RunError):
                raise outputs
            length = len(rows[number])
            results[number] = {
                spec.name: outputs[spec.name][:length] if "sequence" in spec.axes else outputs[spec.name]
                for spec in self.task.outputs
            }
        return results

    def run_each(
        self, rows: Sequence[Encoding], max_rows: int | None = None
    ) -> Iterator[tuple[int, Outputs | RunError]]:
        """The number of each row with its outputs, or with the error that it raised, batch by batch.

        The arrays are views of the batch's outputs, as long as the row or its ``padded_length``. Who keeps a view keeps
        the outputs of the whole batch in memory.
        """
        budget = min(TOKEN_BUDGET, _MAX_OUTPUT_BYTES // self._bytes_per_token)
        equal = self.padding_changes_results
        for batch in batches(rows, max_rows=max_rows, equal_lengths=equal, token_budget=budget):
            try:
                arrays = self._run_batch([rows[number] for number in batch])
            except RunError as error:
                if len(batch) == 1:
                    yield batch[0], error
                    continue
                # One row may have failed the others, or the batch was too large for the memory.
                for number in batch:
                    for _, outputs in self.run_each([rows[number]]):
                        yield number, outputs
                continue
            for position, number in enumerate(batch):
                yield number, self._outputs(rows[number], [array[position] for array in arrays])

    def _run_batch(self, rows: Sequence[Encoding]) -> list[NDArray[np.float32]]:
        feed = self.feed(rows)
        try:
            arrays: list[NDArray[np.float32]] = self.session.run([spec.name for spec in self.task.outputs], feed)
        except Exception as error:  # onnxruntime's exceptions have no common base below Exception
            shape = feed["input_ids"].shape
            raise RunError(f"onnxruntime failed on {self.path} with a batch of {shape} tokens: {error}") from error
        return arrays

    def _outputs(self, row: Encoding, arrays: Sequence[NDArray[np.float32]]) -> Outputs | RunError:
        outputs = {}
        for spec, array in zip(self.task.outputs, arrays, strict=True):
            padded = array[: max(len(row), row.padded_length)] if "sequence" in spec.axes else array
            own = padded[: len(row)] if "sequence" in spec.axes else padded
            # min and max pass a NaN on, and need no memory of their own.
            if not (np.isfinite(own.min()) and np.isfinite(own.max())):
                return RunError(
                    f"{spec.name} of {self.path} has numbers that are not finite (NaN or infinity): its weights are "
                    "damaged, or its precision is too low for them; export it again in fp32"
                )
            outputs[spec.name] = padded
        return outputs

    @property
    def _bytes_per_token(self) -> int:
        """Bytes of the outputs for one token."""
        sizes = {"vocab": self.config.vocab_size, "labels": self.config.num_labels, "hidden": self.config.hidden_size}
        return sum(4 * sizes.get(spec.axes[-1], 1) for spec in self.task.outputs)


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
