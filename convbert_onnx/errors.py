"""The errors of the project. Each is also the standard error a caller would expect, and each says what to do.

ConvBertError
  ConfigError (ValueError)              a field of ConvBertConfig has an impossible value
  FileMissingError (FileNotFoundError)  a file or directory that was named is not there
  OutputError (OSError)                 a file cannot be written where it was asked for
  HubError (ConnectionError)            the Hugging Face hub is not there, or refuses
  CheckpointError (ValueError)          the weights do not fit the model
    MissingHeadError                    the checkpoint has no trained head for the task
  ExportError (ValueError)              what was asked for cannot be exported
    QualityError                        quantization would cost more than is allowed
    ParityError                         the exported file computes something else than the model
  BundleError (ValueError)              the file or directory is no model that this version can run
  ProviderError (ValueError)            an execution provider that was asked for is not active
  KernelsError (ValueError)             the native kernels were demanded where they cannot be used
  RunError (RuntimeError)               the engine failed while it ran the model
  InputError (ValueError)               an input or a parameter of a pipeline is wrong
    InputTypeError (TypeError)          ... is of the wrong type
    MissingKeyError (KeyError)          ... is missing
  MissingExtraError (ImportError)       a part of the package is not installed
  MissingPackageError (ImportError)     a package that no part of this one brings is not installed
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
    """Base of all errors that this project raises on purpose."""


class ConfigError(ConvBertError, ValueError):
    """A field of ConvBertConfig has an impossible value."""


class FileMissingError(ConvBertError, FileNotFoundError):
    """A file or directory that was named is not there."""


class OutputError(ConvBertError, OSError):
    """A file cannot be written where it was asked for."""


class HubError(ConvBertError, ConnectionError):
    """The Hugging Face hub cannot be reached, or refuses to give what was asked for."""


class CheckpointError(ConvBertError, ValueError):
    """The weights of a checkpoint do not fit the model."""


class MissingHeadError(CheckpointError):
    """The checkpoint has no trained head for the task."""


class ExportError(ConvBertError, ValueError):
    """What was asked for cannot be exported."""


class ParityError(ExportError):
    """The exported file computes something else than the model."""


class BundleError(ConvBertError, ValueError):
    """The file or directory is no model that this version can run."""


class ProviderError(ConvBertError, ValueError):
    """An execution provider that was asked for is not active."""


class KernelsError(ConvBertError, ValueError):
    """The native kernels were demanded where they cannot be used."""


class QualityError(ExportError):
    """Quantization would cost more of the task's metric than is allowed."""


class RunError(ConvBertError, RuntimeError):
    """The engine failed while it ran the model."""


class InputError(ConvBertError, ValueError):
    """An input or a parameter of a pipeline is wrong."""


class InputTypeError(InputError, TypeError):
    """An input or a parameter of a pipeline is of the wrong type."""


class MissingKeyError(InputError, KeyError):
    """An input of a pipeline is missing."""

    __str__ = Exception.__str__  # KeyError would print the sentence in quotes


class MissingExtraError(ConvBertError, ImportError):
    """A part of the package is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose}: pip install 'convbert-onnx[{extra}]'")


class MissingPackageError(ConvBertError, ImportError):
    """A package that no part of this one brings is not installed."""
