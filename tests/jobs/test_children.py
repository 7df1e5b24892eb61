"""Children end when asked, when they will not listen, and when their parent is gone."""

import subprocess
import sys

import psutil
import pytest

from jobs import children
from jobs.locks import Held, hold

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def started(command):
    process = children.spawn(command, output=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    process.stdout.close()
    return process


def test_a_child_ends_when_it_is_asked():
    assert children.stop(started(SLEEP), 30)


def test_a_child_that_will_not_listen_is_killed():
    process = started(DEAF)
    assert not children.stop(process, 0.2)
    assert process.poll() is not None


def test_a_child_does_not_outlive_its_parent():
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import time; from jobs import children; print(children.spawn({SLEEP!r}, output=-3).pid, flush=True); time.sleep(60)",
        ],
        cwd=children.ROOT,
        stdout=subprocess.PIPE,
    )
    with parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    _gone, left = psutil.wait_procs([child], timeout=30)
    assert left == []


def test_a_lock_tells_the_second_one_who_has_it(tmp_path):
    with hold(tmp_path / "lock", "the first"):
        with pytest.raises(Held, match="the first"):
            hold(tmp_path / "lock", "the second")
    hold(tmp_path / "lock", "the third").close()
