"""Fuzz the targets, and print the findings: ``python -m tests.fuzz --seconds 60 [TARGET ...]``.

Inputs that show a fault are saved in build/fuzz/findings, with details in a .txt file; the exit status is then 1.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

import click

from .runner import fuzz
from .targets import TARGETS

_BUILD = Path(__file__).parents[2] / "build" / "fuzz"
_FORMS = ("cpu-fp32", "cpu-int8", "portable-fp32", "portable-int8")


@click.command()
@click.argument("targets", nargs=-1, type=click.Choice(TARGETS))
@click.option("--seconds", default=10.0, show_default=True, help="Time for each target.")
@click.option("--executions", default=2**62, help="Maximum number of inputs for each target.")
@click.option("--seed", default=0, help="Seed of the random generator.")
@click.option("--form", default=_FORMS[0], type=click.Choice(_FORMS), help="Target and precision of the models.")
@click.option("--atheris", is_flag=True, help="Coverage-guided fuzzing with atheris, which must be installed.")
@click.option("--replay", multiple=True, type=click.Path(path_type=Path), help="Run this input instead of mutations.")
@click.option(
    "--bundles", default=_BUILD / "bundles", type=click.Path(path_type=Path), help="What seed_models.py wrote."
)
@click.option(
    "--findings",
    default=_BUILD / "findings",
    type=click.Path(path_type=Path),
    help="Emptied first.",
)
def main(
    targets: tuple[str, ...],
    seconds: float,
    executions: int,
    seed: int,
    form: str,
    atheris: bool,
    replay: tuple[Path, ...],
    bundles: Path,
    findings: Path,
) -> None:
    """Fuzz the targets (all by default) one after the other."""
    if replay and len(targets) != 1:
        raise click.UsageError("--replay needs the name of one target")
    os.environ |= {"FUZZ_BUNDLES": str(bundles.resolve()), "FUZZ_FORM": form, "OMP_NUM_THREADS": "1"}
    click.echo(f"onnxruntime {version('onnxruntime')}, {form}, seed {seed}")
    failed = False
    for target in targets or TARGETS:
        folder = findings / target
        rmtree(folder, ignore_errors=True)
        inputs = tuple(path.resolve() for path in replay)
        report = fuzz(target, folder, seconds=seconds, executions=executions, seed=seed, atheris=atheris, replay=inputs)
        found = "".join(f"\n  {folder / name}" for name in report.findings) or " nothing"
        click.echo(f"{target:16} {report.executions:9,} inputs in {report.seconds:5.0f} s, found:{found}")
        failed |= bool(report.findings)
    sys.exit(failed)


if __name__ == "__main__":
    main()
