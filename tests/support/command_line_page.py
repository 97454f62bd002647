"""Write docs/command-line.md from the command line's help: python tests/support/command_line_page.py."""

from pathlib import Path

import click
from click.testing import CliRunner

from convbert_onnx.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"

_HEAD = """# Command line

The commands call the functions of the [Python API](api/convbert_onnx.md) with the same options. An error is one line
on standard error with exit code 1, wrong usage has exit code 2, and `convbert-onnx --debug COMMAND` shows a traceback.
This page is generated from the help of each command.
"""


def page() -> str:
    """The text of the page."""
    names = main.list_commands(click.Context(main))
    return "\n".join([_HEAD, _help([]), *(f"## {name}\n\n{_help([name])}" for name in names)])


def _help(command: list[str]) -> str:
    arguments = [*command, "--help"]
    result = CliRunner().invoke(main, arguments, prog_name="convbert-onnx", terminal_width=78)
    assert result.exit_code == 0, result.output
    return f"```console\n$ convbert-onnx {' '.join(arguments)}\n{result.output}```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
