"""Processes that belong to this one: tethered to its life, in a process group of their own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
TETHER = Path(__file__).with_name("tether.py")


def spawn(
    command: Sequence[str], *, output: IO[bytes] | int | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a command that ends with us. Call it from a thread that stays: the tether is tied to the calling thread.

    The group keeps Ctrl-C in a terminal from reaching every process at once, which would stop them in no order.
    """
    return subprocess.Popen(
        [sys.executable, "-E", "-S", str(TETHER), str(os.getpid()), *command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        process_group=0,
    )


def stop(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Ask, wait, then kill it with all its own children; say whether asking was enough."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        kill(process)
        return False


def kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
