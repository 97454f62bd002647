import os
import signal
import subprocess
import sys
import textwrap

import pytest

from convbert_onnx.cli.process import exit_on_signals


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_runs_the_cleanup_and_sets_the_exit_code(name: str) -> None:
    done = run(f"""
        import os, signal
        from convbert_onnx.cli.process import exit_on_signals
        with exit_on_signals():
            try:
                os.kill(os.getpid(), signal.{name})
            finally:
                os.kill(os.getpid(), signal.{name})  # as timeout does, to the process and to its group
                print("cleaned up")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (128 + getattr(signal, name), "cleaned up\n", "")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
def test_handlers_of_the_caller_stay_and_are_restored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with exit_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)  # as under nohup
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_closed_descriptor_is_not_given_to_a_file() -> None:
    done = run("""
        import os, sys
        os.close(0)
        from convbert_onnx.cli.process import open_closed_descriptors
        open_closed_descriptors()
        print(os.open(os.devnull, os.O_RDONLY) > 2)
    """)
    assert done.stdout == "True\n"


def test_unwritable_output_is_not_reported_at_exit() -> None:
    code = """
        import sys
        from convbert_onnx.cli.process import discard_unwritten_output
        sys.stdout = open("/dev/full", "w")
        sys.stdout.write("text")
        {}
    """
    assert run(code.format("discard_unwritten_output()")).stderr == ""
    assert "No space left" in run(code.format("")).stderr
