"""The command line in tests."""

import json
import os
import subprocess
import sys

from click.testing import CliRunner, Result
from golden import pipeline_cases

from convbert_onnx.cli import main

__all__ = ["ASK", "CASE", "invoke", "json_lines", "shell"]

CASE = pipeline_cases("plain", "question-answering")[0]
ASK = ("--question", CASE["inputs"]["question"], "--context", CASE["inputs"]["context"])
"""The options of ``run`` that ask the question of ``CASE``."""


def invoke(*arguments: object, charset: str = "utf-8", stdin: bytes | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner(charset=charset).invoke(main, [str(argument) for argument in arguments], input=stdin)


def shell(script: str, *arguments: object, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run a bash script in which $RUN is the command line."""
    environment = {**os.environ, **(env or {}), "RUN": f"{sys.executable} -m convbert_onnx"}
    return subprocess.run(["bash", "-c", script, "bash", *map(str, arguments)], env=environment, capture_output=True)


def json_lines(*objects: object) -> bytes:
    """JSON Lines; bytes stay as they are."""
    return b"".join(item if isinstance(item, bytes) else json.dumps(item).encode() + b"\n" for item in objects)
