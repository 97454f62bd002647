"""Run inputs of one target in this process: ``python -m tests.fuzz.worker PLAN`` with the plan as JSON.

Faults that the process survives are saved here; crashes and hangs are detected by the monitor.
"""

import faulthandler
import hashlib
import json
import os
import resource
import sys
import time
import traceback
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

from .mutate import mutate_bytes
from .targets import Target, load_target
from .worker_state import MAX_INPUT_BYTES, Plan, State

_ROOT = Path(__file__).resolve().parents[2]
_MAX_MUTATED_BYTES = 2**18
"""Larger inputs are not mutated further: some mutations repeat a part a hundred times."""

_SPARE_ADDRESS_BYTES = 3 * 2**30
"""Address space that inputs may add; larger allocations fail instead of exhausting the machine's memory."""


class Worker:
    """Executes a target within limits.

    Args:
        plan: the worker's task.
        target: the target.
    """

    def __init__(self, plan: Plan, target: Target) -> None:
        self._plan = plan
        self._target = target
        self._state = State(Path(plan.state))
        self._known = {path.stem for path in Path(plan.findings).glob("*.txt")}
        self.executions = 0

    def execute(self, data: bytes, warm: bool = True) -> None:
        """Run one input; ``warm``: libraries are loaded, so that limits on memory and time apply."""
        self._state.begin(self.executions, time.monotonic(), data)
        memory, cpu = _reset_peak_memory(), time.process_time()
        try:
            self._target.run(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # panics of Rust extensions do not derive from Exception
            self._save("exception", _fault_key(error), "".join(traceback.format_exception(error)), data)
        cpu, memory = time.process_time() - cpu, _peak_memory() - memory
        if warm and memory > self._plan.memory_bytes + 2 * len(data):
            self._save("memory", f"{self._plan.target} {memory // 2**28}", f"{memory / 2**20:.0f} MB\n", data)
        if warm and cpu > self._plan.cpu_seconds and (cpu := self._cpu_seconds(data)) > self._plan.cpu_seconds:
            self._save("slow", f"{self._plan.target} {cpu:.0f}", f"{cpu:.2f} s of CPU time\n", data)
        self.executions += 1
        self._state.end(self.executions)

    def _cpu_seconds(self, data: bytes) -> float:
        """CPU time of another run of an input: on a busy machine, a single measurement can be wrong."""
        start = time.process_time()
        with suppress(BaseException):
            self._target.run(data)
        return time.process_time() - start

    def _save(self, kind: str, key: str, text: str, data: bytes) -> None:
        name = f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        if name not in self._known:
            self._known.add(name)
            (Path(self._plan.findings) / name).write_bytes(data)
            (Path(self._plan.findings) / f"{name}.txt").write_text(text, encoding="utf-8", errors="replace")

    def run(self) -> None:
        """Run the seeds, then mutations of them within the limits of the plan."""
        limit = resource.RLIMIT_AS
        resource.setrlimit(limit, (_address_space() + _SPARE_ADDRESS_BYTES, resource.getrlimit(limit)[1]))
        if self._plan.replay:
            for path in self._plan.replay:
                self.execute(Path(path).read_bytes())
            return
        seeds = [*self._target.seeds(), *corpus(self._plan.target)]
        for data in seeds:
            self.execute(data, warm=False)
        if self._plan.atheris:
            self._run_atheris(seeds)
        random = Random(self._plan.seed)
        monitor = os.getppid()  # stop if the monitor has died
        while (
            self.executions < self._plan.executions and time.monotonic() < self._plan.until and os.getppid() == monitor
        ):
            data = random.choice(seeds)
            for _ in range(random.choice((1, 1, 1, 2, 3, 5, 8))):
                data = self._mutated(data, random) if len(data) < _MAX_MUTATED_BYTES else data
            if len(data) <= MAX_INPUT_BYTES:
                self.execute(data)

    def _mutated(self, data: bytes, random: Random) -> bytes:
        try:
            return self._target.mutate(data, random)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):  # the input is not JSON
            return mutate_bytes(data, random)

    def _run_atheris(self, seeds: list[bytes]) -> None:
        import atheris

        folder = Path(self._plan.state + ".corpus")
        folder.mkdir(exist_ok=True)
        for data in seeds:
            (folder / hashlib.sha256(data).hexdigest()).write_bytes(data)

        def mutate(data: bytes, size: int, seed: int) -> bytes:
            mutated = self._mutated(data, Random(seed))
            return mutated if len(mutated) <= size else data[:size]

        # The monitor stops atheris.
        options = [f"-seed={self._plan.seed + 1}", f"-max_len={2**18}", f"-artifact_prefix={folder}/", "-verbosity=0"]
        options += ["-rss_limit_mb=0", "-malloc_limit_mb=0", "-timeout=0"]
        options += [f"-handle_{signal}=0" for signal in ("segv", "bus", "abrt", "ill", "fpe", "int", "term")]
        atheris.Setup([self._plan.target, *options, str(folder)], self.execute, custom_mutator=mutate)
        atheris.Fuzz()


def corpus(target: str) -> list[bytes]:
    """The corpus of a target in the repository."""
    return [path.read_bytes() for path in sorted((Path(__file__).parent / "corpus" / target).glob("*"))]


def _fault_key(error: BaseException) -> str:
    """A key that identifies a fault: the type of the exception, and the last line of the package in its traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).resolve().is_relative_to(_ROOT)]
    package = [frame for frame in ours if Path(frame.filename).resolve().parts[len(_ROOT.parts)] != "tests"]
    last = (package or ours or frames)[-1]
    return f"{type(error).__name__} {Path(last.filename).name} {last.name} {last.line}"


def _reset_peak_memory() -> int:
    """Reset the peak memory, if the system can, and return it in bytes."""
    with suppress(OSError):
        os.write(_open_once("/proc/self/clear_refs", os.O_WRONLY), b"5")
    return _peak_memory()


def _peak_memory() -> int:
    try:
        status = os.pread(_open_once("/proc/self/status", os.O_RDONLY), 4096, 0)
        return int(status[status.index(b"VmHWM:") + 6 :].split(None, 1)[0]) * 1024
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@cache
def _open_once(path: str, flags: int) -> int:
    """Open a file once; it is used twice per execution."""
    return os.open(path, flags)


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0


def main(plan: Plan) -> None:
    """Execute a plan."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    if plan.atheris:
        import atheris

        with atheris.instrument_imports(include=["convbert_onnx"]):
            target = load_target(plan.target)
            for data in target.seeds():
                target.run(data)  # imports, instrumented
    else:
        target = load_target(plan.target)
    Worker(plan, target).run()


if __name__ == "__main__":
    main(Plan(**json.loads(sys.argv[1])))
