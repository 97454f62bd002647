from collections import defaultdict

import click
import pytest
from command_line import invoke

from convbert_onnx.cli import main


def test_an_option_means_the_same_in_every_command() -> None:
    found = defaultdict(set)
    for name, command in main.commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (name, option.name)
                if option.name not in ("model", "output", "task", "precision"):
                    found[option.opts[-1]].add((option.name, option.help))
    assert {flag: meanings for flag, meanings in found.items() if len(meanings) > 1} == {}


@pytest.mark.parametrize("command", main.commands)
def test_every_command_explains_itself(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command} [OPTIONS]")


def test_an_option_without_effect_is_refused() -> None:
    result = invoke("export", "--from-optimum", "folder", "--precision", "int8")
    assert result.exit_code == 2
    assert "--precision has no effect with --from-optimum" in result.stderr
