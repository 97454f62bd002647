"""Fuzz the targets, and print what came of it: python -m tests.fuzz --seconds 60 [TARGET ...].

Inputs with which something went wrong are put into build/fuzz/findings. The status is 1 where there are any.
"""

import argparse
import importlib.metadata
import os
import sys
from pathlib import Path

from .runner import fuzz
from .targets import TARGETS

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the targets, one after the other.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each target")
    parser.add_argument("--executions", type=int, default=2**62, help="most inputs for each target")
    parser.add_argument("--seed", type=int, default=0, help="of the random generator")
    parser.add_argument("--atheris", action="store_true", help="choose inputs by the code that they reach; needs atheris")
    parser.add_argument("--replay", type=Path, nargs="+", default=[], help="run these inputs of one target instead")
    parser.add_argument("--bundles", type=Path, default=ROOT / "build" / "fuzz" / "bundles", help="see bases.py")
    parser.add_argument("--findings", type=Path, default=ROOT / "build" / "fuzz" / "findings")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if options.replay and len(options.targets) != 1:
        parser.error("--replay needs the name of one target")
    os.environ["FUZZ_BUNDLES"] = str(options.bundles.resolve())
    print(f"onnxruntime {importlib.metadata.version('onnxruntime')}, seed {options.seed}")
    failed = False
    for target in options.targets or TARGETS:
        report = fuzz(
            target,
            options.findings / target,
            seconds=options.seconds,
            executions=options.executions,
            seed=options.seed,
            atheris=options.atheris,
            replayed=tuple(options.replay),
        )
        rate = report.executions / report.seconds
        found = ", ".join(report.findings) or "nothing"
        print(f"{target:16} {report.executions:9,} inputs in {report.seconds:6.0f} s, {rate:7,.0f}/s: {found}", flush=True)
        failed |= bool(report.findings)
    sys.exit(failed)


if __name__ == "__main__":
    main()
