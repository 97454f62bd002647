"""Open an exported model: session, tokenizer and config, from one file or from a directory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.bundle import Bundle
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError, FileMissingError, InputTypeError, RunError
from convbert_onnx.runtime.batching import TOKEN_BUDGET, batches, collate
from convbert_onnx.runtime.model_files.verification import require_intact
from convbert_onnx.runtime.sessions.interface import Interface, engine_failure, find_interface
from convbert_onnx.runtime.sessions.kernels import KernelUse, Native
from convbert_onnx.runtime.sessions.onnxruntime_types import Array, Session, SessionOptions
from convbert_onnx.runtime.sessions.providers import ProviderSpec
from convbert_onnx.runtime.sessions.session import Mmap, open_session
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Encoding
from convbert_onnx.runtime.tokenization.loading import load_tokenizer, tokenizer_from_json
from convbert_onnx.tasks import TASKS, Task, task_by_name, task_of_architectures

__all__ = ["Model", "ModelOptions", "Outputs", "find_file", "open_model"]

_MAX_OUTPUT_BYTES = 2**26
"""Size limit for the outputs of one batch; it matters for logits over a whole vocabulary."""

Outputs = dict[str, NDArray[np.float32]]
"""The outputs of one row, by name, without the batch axis and without padding."""


class ModelOptions(TypedDict, total=False):
    """The keyword arguments of :func:`open_model`."""

    providers: str | Sequence[ProviderSpec] | None
    threads: int | None
    tokenizer: TokenizerBase | str | Path | None
    config: ConvBertConfig | None
    session_options: SessionOptions | None
    native: Native | None
    mmap: Mmap
    verify: bool


@dataclass(frozen=True)
class Model:
    """A session with its tokenizer, config and task.

    Attributes:
        path: the ONNX file.
        session: the ``onnxruntime.InferenceSession``.
        task_spec: the row of the task table for the model's head.
        config: sizes and labels.
        tokenizer: the tokenizer.
        bundle: the file's metadata, or None for a file from elsewhere.
        kernels: how the session computes the project's operators.
        interface: the graph's inputs and outputs.
    """

    path: Path
    session: Session
    task_spec: Task
    config: ConvBertConfig
    tokenizer: TokenizerBase
    bundle: Bundle | None
    kernels: KernelUse
    interface: Interface

    @property
    def max_length(self) -> int:
        """Maximum length of a row in tokens, from the tokenizer, the position embeddings and the graph."""
        positions = self.config.max_position_embeddings
        return min(self.tokenizer.model_max_length or positions, positions, self.interface.sequence or positions)

    @property
    def padding_changes_results(self) -> bool:
        """Whether rows of different lengths must not share a batch; True unless the export record says otherwise."""
        return self.bundle is None or self.bundle.record.padding != "masked"

    def feed(self, rows: Sequence[Encoding]) -> dict[str, Array]:
        """The session's inputs for a batch of rows."""
        # A padding token outside the vocabulary has no embedding; the ids at masked positions do not matter.
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id < self.config.vocab_size else 0
        inputs: dict[str, Array] = {**collate(rows, pad)}
        return inputs if self.interface.takes_any_batch else self.interface.fit(inputs, self.tokenizer.pad_token_id)

    def run(self, rows: Sequence[Encoding], max_rows: int | None = None) -> list[Outputs]:
        """The outputs of each row without padding, in the rows' order.

        Raises:
            RunError: onnxruntime failed, or an output is not finite.
        """
        results: list[Outputs] = [{}] * len(rows)
        for number, outputs in self.iter_outputs(rows, max_rows):
            if isinstance(outputs, RunError):
                raise outputs
            length = len(rows[number])
            results[number] = {
                spec.name: outputs[spec.name][:length] if "sequence" in spec.axes else outputs[spec.name]
                for spec in self.task_spec.outputs
            }
        return results

    def iter_outputs(
        self, rows: Sequence[Encoding], max_rows: int | None = None
    ) -> Iterator[tuple[int, Outputs | RunError]]:
        """The index of each row with its outputs or its error, batch by batch.

        The arrays are views of the batch's outputs, as long as the row or its ``padded_length``; a view keeps the
        outputs of the whole batch in memory.
        """
        budget = min(TOKEN_BUDGET, _MAX_OUTPUT_BYTES // self._bytes_per_token)
        # If the graph has a fixed length, all rows are padded to it anyway.
        equal = self.padding_changes_results and self.interface.sequence is None
        fixed = self.interface.batch
        max_rows = max_rows if fixed is None else min(max_rows or fixed, fixed)
        for batch in batches(rows, max_rows=max_rows, equal_lengths=equal, token_budget=budget):
            try:
                arrays = self._run_batch([rows[number] for number in batch])
            except RunError as error:
                if len(batch) == 1:
                    yield batch[0], error
                    continue
                # One row may have failed the others, or the batch was too large for memory.
                for number in batch:
                    for _, outputs in self.iter_outputs([rows[number]]):
                        yield number, outputs
                continue
            for position, number in enumerate(batch):
                yield number, self._outputs(rows[number], [array[position] for array in arrays])

    def _run_batch(self, rows: Sequence[Encoding]) -> list[NDArray[np.float32]]:
        feed = self.feed(rows)
        try:
            outputs = self.session.run(list(self.interface.outputs), feed)
        except Exception as error:  # onnxruntime's exceptions have no common base below Exception
            raise RunError(engine_failure(self.path, feed, error)) from error
        arrays = [array.astype(np.float32, copy=False) for array in outputs]
        self._check_shapes(feed["input_ids"].shape, arrays)
        return arrays

    def _outputs(self, row: Encoding, arrays: Sequence[NDArray[np.float32]]) -> Outputs | RunError:
        outputs = {}
        for spec, array in zip(self.task_spec.outputs, arrays, strict=True):
            # Only the first choice belongs to the row: a graph with a fixed number of choices got it several times.
            sizes = {"sequence": max(len(row), row.padded_length), "choices": 1}
            padded = array[: sizes.get(spec.axes[1])]
            own = padded[: len(row)] if "sequence" in spec.axes else padded
            # min and max propagate NaN, and allocate nothing.
            if not (np.isfinite(own.min()) and np.isfinite(own.max())):
                return RunError(
                    f"{spec.name} of {self.path} has values that are not finite (NaN or infinity): its weights are "
                    "damaged, or its precision is too low for them; export it again in fp32"
                )
            outputs[spec.name] = padded
        return outputs

    @property
    def _bytes_per_token(self) -> int:
        """Bytes of the outputs for one token."""
        sizes = self.interface.sizes
        return sum(4 * sizes.get(spec.axes[-1], 1) for spec in self.task_spec.outputs)

    def _check_shapes(self, given: tuple[int, ...], arrays: Sequence[NDArray[np.float32]]) -> None:
        """Check the outputs' shapes, which follow from the inputs' shape and the config."""
        sizes = dict(zip(self.task_spec.inputs[0].axes, given, strict=True), **self.interface.sizes)
        for spec, array in zip(self.task_spec.outputs, arrays, strict=True):
            expected = tuple(sizes[axis] for axis in spec.axes)
            if array.shape != expected:
                raise RunError(
                    f"{self.path} gave {spec.name} in the shape {array.shape}, not {expected}: export it again"
                )


def open_model(
    path: str | Path,
    task: str | None = None,
    *,
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    tokenizer: TokenizerBase | str | Path | None = None,
    config: ConvBertConfig | None = None,
    session_options: SessionOptions | None = None,
    native: Native | None = None,
    mmap: Mmap = "auto",
    verify: bool = False,
) -> Model:
    """Open an ONNX file, or a directory in the layout of optimum or of the Hugging Face hub.

    Arguments take precedence over the file's metadata, and that over files next to it, or in the folder above if the
    file's own folder is called ``onnx``.

    Raises:
        FileMissingError: there is no such file, or no model, tokenizer or config was found.
        BundleError: the file is not a model that can run here, or not one for the task, or with ``verify`` not as it
            was written.
        InputError: there is no such task, or the tokenizer does not fit.
        ProviderError: a requested provider is not active.
        KernelsError: the native kernels were required, and cannot be used.
    """
    file = find_file(path)
    check = require_intact if verify else None
    opened = open_session(file, providers, threads, session_options, native, mmap=mmap, check=check)
    session, kernels, bundle = opened.session, opened.kernels, opened.bundle
    if config is None:
        config = bundle.config if bundle else _config_next_to(file)
    task_spec = _find_task(file, task, bundle, config)
    interface = find_interface(file, session, task_spec, config)
    if not isinstance(tokenizer, TokenizerBase):
        if tokenizer is not None:
            tokenizer = load_tokenizer(tokenizer)
        elif bundle is not None:
            tokenizer = tokenizer_from_json(bundle.tokenizer_json, bundle.tokenizer_config)
        else:
            tokenizer = load_tokenizer(_folder_of(file, "tokenizer.json", "vocab.txt"))
    tokenizer.check_fits(config)
    return Model(file, session, task_spec, config, tokenizer, bundle, kernels, interface)


def find_file(path: str | Path) -> Path:
    """The ONNX file at a path: the path itself, or the file in a directory or its folder ``onnx``.

    Raises:
        FileMissingError: there is none.
        BundleError: the directory has several and none is called model.onnx, or it cannot be read.
        InputTypeError: the argument is not a path.
    """
    if not isinstance(path, str | PathLike):
        raise InputTypeError(f"a model must be the path of a file or directory, not {type(path).__name__}")
    path = Path(path)
    try:
        if not path.is_dir():
            if path.exists():
                return path
            raise FileMissingError(f"{path} does not exist: name an exported .onnx file or a directory with one")
        files = [*sorted(path.glob("*.onnx")), *sorted(path.glob("onnx/*.onnx"))]
    except FileMissingError:
        raise
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error}): check its name and permissions") from error
    named = [file for file in files if file.name == "model.onnx"]
    if named or len(files) == 1:
        return (named or files)[0]
    if files:
        names = ", ".join(str(file.relative_to(path)) for file in files)
        raise BundleError(f"{path} has several models ({names}): name one of them")
    raise FileMissingError(f'{path} has no .onnx file: export a model to it with layout="directory"')


def _folder_of(file: Path, *names: str) -> Path:
    """The folder that contains a file of one of these names: the model's, or the one above its folder ``onnx``."""
    folder = file.parent
    real = folder.resolve()
    above = [real.parent] if real.name.startswith("onnx") else []
    candidates = (folder, *above)
    return next((each for each in candidates if any((each / name).is_file() for name in names)), folder)


def _config_next_to(file: Path) -> ConvBertConfig:
    folder = _folder_of(file, "config.json")
    if not (folder / "config.json").is_file():
        raise FileMissingError(
            f"{file} contains no config, and there is no config.json next to it: put the checkpoint's config.json "
            "there, or pass config=..."
        )
    return ConvBertConfig.from_pretrained(folder)


def _find_task(file: Path, asked: str | None, bundle: Bundle | None, config: ConvBertConfig) -> Task:
    task = task_by_name(asked) if asked is not None else None
    if bundle is not None and all(bundle.record.task != known.name for known in TASKS):
        raise BundleError(
            f"{file} was exported for {bundle.record.task}, a task that this version of convbert-onnx lacks: pip "
            "install --upgrade convbert-onnx"
        )
    own = task_by_name(bundle.record.task) if bundle else task_of_architectures(config.architectures)
    if task is not None and bundle is not None and task != own:
        raise BundleError(
            f'{file} was exported for {bundle.record.task}, not for {task.name}: export it with task="{asked}"'
        )
    task = task or own
    if task is None:
        raise BundleError(f'{file} does not record its task: pass task=..., for example task="qa"')
    return task
