"""Coverage of a process that can write no file: when this one is measured, the other hands its figures to it."""

from __future__ import annotations

import base64
import itertools
import os

import coverage
from coverage.data import CoverageData

_MARK = b"\ncoverage:"
_numbers = itertools.count()

BEFORE = """
import base64, os, zlib, sqlite3.dump, coverage, coverage.sqldata
watch = coverage.Coverage(data_file=None, branch=True, include=["*/runtime/*"], config_file=False)
watch.start()
leave = os._exit
def report(status):
    watch.stop()
    os.write(2, b"\\ncoverage:" + base64.b64encode(watch.get_data().dumps()))
    leave(status)
os._exit = report
"""


def program(code: str) -> str:
    """The code, measured if this process is; its figures come on standard error when it calls os._exit."""
    return (BEFORE if coverage.Coverage.current() else "") + code


def collect(said: bytes) -> bytes:
    """What a program said without its figures, which are put beside those of this process."""
    said, *of_each = said.split(_MARK)  # a process and those it forked
    measured = coverage.Coverage.current()
    for figures in of_each if measured else ():
        data = CoverageData(
            basename=f"{os.path.abspath(measured.config.data_file)}.engine.{os.getpid()}.{next(_numbers)}"
        )
        data.loads(base64.b64decode(figures))
        data.write()
    return said
