"""The processes of an installation, each to be started, killed and started again: `flask worker`, `flask scheduler`."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from jobs import children


class Stack:
    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._log = log
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, command: str, name: str = "") -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            process = children.spawn(
                [sys.executable, "-m", "flask", "--app", "app", command], output=log, environment=self._environment
            )
        self.processes[name or command] = process
        return process

    def kill(self, name: str) -> None:
        """As a power cut would, with all its engines."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            children.stop(process, 20)
        self.processes.clear()
