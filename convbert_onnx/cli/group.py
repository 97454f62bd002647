"""The command group: errors become one line on standard error, in the command line's own terms."""

import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from convbert_onnx.cli.process import discard_unwritten_output, exit_on_signals, open_closed_descriptors
from convbert_onnx.errors import ConvBertError

__all__ = ["Group", "with_flags"]


class Group(click.Group):
    """Shows errors as one line, with a traceback only after ``--debug``, and cleans up when a signal ends it."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        open_closed_descriptors()
        if sys.stderr is None:  # bars and messages would go elsewhere, or fail
            sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a code page must not stop text for people
        with exit_on_signals():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: D102
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # the reader of a broken pipe has enough; click ends quietly
        except (Exception, KeyboardInterrupt) as error:
            discard_unwritten_output()
            if ctx.params["debug"]:
                raise
            message = _in_one_line(error)
            command = self.commands.get(ctx.invoked_subcommand or "")
            if command is not None and isinstance(error, ConvBertError):
                message = with_flags(message, command.params)
            raise click.ClickException(message) from error


_ARGUMENT = re.compile(r"""\b(?P<name>[a-z_]+)=(?:"(?P<text>[^"]*)"|(?P<value>\w[\w.\-]*)|\.\.\.)?""")


def with_flags(message: str, parameters: Sequence[click.Parameter]) -> str:
    """The library's message with its Python arguments written as flags of a command.

    ``native=False`` becomes ``--no-native``, ``task="qa"`` becomes ``--task qa``, ``tokenizer=...`` becomes
    ``--tokenizer``, and where the command takes parameters of a task, ``truncation=True`` becomes
    ``-p truncation=true``. Arguments that the command does not have stay as they are.
    """
    options = {option.name: option for option in parameters if isinstance(option, click.Option)}

    def flag(argument: re.Match[str]) -> str:
        name, value = argument["name"], argument["text"] or argument["value"] or ""
        option = options.get(name)
        if option is not None:
            if value in ("True", "False"):
                flags = option.opts if value == "True" else option.secondary_opts
                return flags[-1] if flags else argument[0]
            return f"{option.opts[-1]} {value}".rstrip()
        if "parameters" in options and value not in ("", "None"):
            return f"-p {name}={value.lower() if value in ('True', 'False') else value}"
        return argument[0]

    return _ARGUMENT.sub(flag, message)


def _in_one_line(error: BaseException) -> str:
    text = re.sub(r"\s*[\r\n]\s*", " ", str(error).strip())
    if isinstance(error, ConvBertError):
        return text
    if isinstance(error, OSError):
        return f"{error.strerror}: {os.fsdecode(error.filename)}" if error.strerror and error.filename else text
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, MemoryError):
        return "not enough memory: use smaller inputs, or a machine with more memory"
    return (
        f"unexpected {type(error).__name__}: {text or 'no message'}. This is a bug of convbert-onnx: please report the "
        "output of `convbert-onnx --debug ...` with the same arguments"
    )
