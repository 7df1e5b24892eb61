"""`python tether.py PARENT COMMAND…`: a command that does not outlive the process that started it.

On Linux the kernel sees to it: the command replaces this process and gets SIGTERM when its parent dies, however that
happens. Elsewhere this process stays, watches the parent and passes signals on. A script by itself, to start fast.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1


def main() -> int:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            return 1
        os.execv(command[0], command)  # noqa: S606  a list of ours, no shell
    return _watch(parent, command)


def _watch(parent: int, command: list[str]) -> int:
    child = subprocess.Popen(command)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    told = False
    while child.poll() is None:
        if os.getppid() != parent and not told:
            told = True
            child.terminate()
        time.sleep(0.2)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
