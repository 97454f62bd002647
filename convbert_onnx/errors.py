"""The exceptions of this package. Each also derives from a built-in exception, and its message says what to do.

ConvBertError
  ConfigError (ValueError)              a field of ConvBertConfig has an impossible value
  FileMissingError (FileNotFoundError)  a file or directory does not exist
  OutputError (OSError)                 a file cannot be written to the given path
  HubError (ConnectionError)            the Hugging Face hub cannot be reached, or refuses access
  CheckpointError (ValueError)          the weights do not fit the model
    MissingHeadError                    the checkpoint has no trained head for the task
  ExportError (ValueError)              the model cannot be exported with these options
    QualityError                        quantization lowers the metric by more than is allowed
    ParityError                         the exported file's outputs differ from the model's
  BundleError (ValueError)              the file or directory is not a model that this version can run
  ProviderError (ValueError)            a requested execution provider is not available
  KernelsError (ValueError)             the native kernels are required but cannot be used
  RunError (RuntimeError)               onnxruntime failed while running the model
  InputError (ValueError)               an input or parameter is invalid
    InputTypeError (TypeError)          ... has the wrong type
    MissingKeyError (KeyError)          ... is missing
  MissingExtraError (ImportError)       the packages of an extra are not installed
  MissingPackageError (ImportError)     a third-party package that no extra installs is missing
"""

__all__ = [
    "BundleError",
    "CheckpointError",
    "ConfigError",
    "ConvBertError",
    "ExportError",
    "FileMissingError",
    "HubError",
    "InputError",
    "InputTypeError",
    "KernelsError",
    "MissingExtraError",
    "MissingHeadError",
    "MissingKeyError",
    "MissingPackageError",
    "OutputError",
    "ParityError",
    "ProviderError",
    "QualityError",
    "RunError",
]


class ConvBertError(Exception):
    """Base class of all exceptions that this package raises on purpose."""


class ConfigError(ConvBertError, ValueError):
    """A field of ConvBertConfig has an impossible value."""


class FileMissingError(ConvBertError, FileNotFoundError):
    """A file or directory does not exist."""


class OutputError(ConvBertError, OSError):
    """A file cannot be written to the given path."""


class HubError(ConvBertError, ConnectionError):
    """The Hugging Face hub cannot be reached, or refuses access."""


class CheckpointError(ConvBertError, ValueError):
    """The weights of a checkpoint do not fit the model."""


class MissingHeadError(CheckpointError):
    """The checkpoint has no trained head for the task."""


class ExportError(ConvBertError, ValueError):
    """The model cannot be exported with these options."""


class ParityError(ExportError):
    """The exported file's outputs differ from the model's by more than the tolerance."""


class BundleError(ConvBertError, ValueError):
    """The file or directory is not a model that this version can run."""


class ProviderError(ConvBertError, ValueError):
    """A requested execution provider is not available."""


class KernelsError(ConvBertError, ValueError):
    """The native kernels are required but cannot be used."""


class QualityError(ExportError):
    """Quantization lowers the task's metric by more than is allowed."""


class RunError(ConvBertError, RuntimeError):
    """onnxruntime failed while running the model."""


class InputError(ConvBertError, ValueError):
    """An input or parameter is invalid."""


class InputTypeError(InputError, TypeError):
    """An input or parameter has the wrong type."""


class MissingKeyError(InputError, KeyError):
    """A required input is missing."""

    __str__ = Exception.__str__  # KeyError would print the message in quotes


class MissingExtraError(ConvBertError, ImportError):
    """The packages of an extra are not installed; the message has the command that installs them."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose}: pip install 'convbert-onnx[{extra}]'")


class MissingPackageError(ConvBertError, ImportError):
    """A third-party package that no extra installs is missing."""
