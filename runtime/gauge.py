"""What an engine process uses, and the limits it puts upon itself for one run."""

from __future__ import annotations

import os
import resource
import signal
import sys

from runtime import sandbox
from runtime.limits import DATA_HEADROOM

_PAGE = resource.getpagesize()
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Gauge:
    """Memory and processor time of this process, through files of /proc opened before they were out of reach."""

    def __init__(self) -> None:
        self._sizes = sandbox.open_proc("statm", os.O_RDONLY)
        self._reset = sandbox.open_proc("clear_refs", os.O_WRONLY)
        self._resident, self._cpu = 0, 0.0
        self._data: int | None = None
        self._hard = resource.getrlimit(resource.RLIMIT_DATA)[1]

    @property
    def files(self) -> set[int]:
        return {file for file in (self._sizes, self._reset) if file is not None}

    def rest(self) -> None:
        """Note what is in use while no script runs."""
        if self._sizes is not None:
            sizes = os.pread(self._sizes, 100, 0).split()
            self._resident, self._data = int(sizes[1]) * _PAGE, int(sizes[5]) * _PAGE
        if self._reset is not None:
            os.write(self._reset, b"5")

    def limit(self, memory: int, cpu_s: float) -> None:
        """From here on a run may add so much to what is in use."""
        if self._data is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (self._data + memory + DATA_HEADROOM, self._hard))
        self._cpu = _processor_s(resource.getrusage(resource.RUSAGE_SELF))
        signal.setitimer(signal.ITIMER_PROF, cpu_s)

    def unlimit(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (self._hard, self._hard))

    def used(self) -> tuple[float, int]:
        """By the run: milliseconds of processor time, and bytes of memory when it held most."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return (_processor_s(usage) - self._cpu) * 1000, max(0, usage.ru_maxrss * _MAXRSS_UNIT - self._resident)


def _processor_s(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
