"""`flask dev`, the real thing: what it serves, what it survives and what it leaves behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from redis import Redis

from jobs.children import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("dev")]
PATIENCE_SECONDS = 60


class Dev:
    """One running `flask dev` in a directory of its own."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir, self.port = data_dir, port
        self.log = data_dir.parent / f"{data_dir.name}-{port}.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "app", "dev"],
                cwd=ROOT,
                env={**kept, "DATA_DIR": str(data_dir), "PORT": str(port), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started = psutil.Process(self.process.pid)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def wait_until_ready(self) -> "Dev":
        wait_for(lambda: self.is_ready() and "Dastgoh is ready" in self.said, self)
        return self

    def everyone(self) -> list[psutil.Process]:
        return [self.started, *self.started.children(recursive=True)]

    def member(self, word: str) -> psutil.Process | None:
        return next((child for child in self.started.children() if word in command_of(child)), None)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_SECONDS)


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def wait_for(condition, dev):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, dev.said
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    running = Dev(tmp_path_factory.mktemp("dev") / "data", free_port())
    yield running.wait_until_ready()
    running.end()


def test_it_says_where_it_is_and_who_may_sign_in(dev):
    assert f"http://127.0.0.1:{dev.port}" in dev.said
    assert "admin@acme.test" in dev.said and "root@dastgoh.test" in dev.said


@pytest.mark.parametrize("word", ["app web", "app worker", "app scheduler", "valkey-server"])
def test_it_starts_again_what_was_killed(dev, word):
    wait_for(lambda: dev.member(word) is not None, dev)
    killed = dev.member(word)
    killed.kill()
    wait_for(lambda: (now := dev.member(word)) is not None and now.pid != killed.pid, dev)
    wait_for(dev.is_ready, dev)


def test_a_second_one_in_the_same_directory_is_refused_in_one_sentence(dev):
    second = Dev(dev.data_dir, free_port())
    assert second.process.wait(PATIENCE_SECONDS) == 1
    assert f"already runs on {dev.data_dir}" in second.said and "Traceback" not in second.said
    assert dev.is_ready()


def test_a_busy_port_is_told_in_one_sentence(dev, tmp_path):
    second = Dev(tmp_path / "data", dev.port)
    assert second.process.wait(PATIENCE_SECONDS) == 1
    assert f"Cannot listen on 127.0.0.1:{dev.port}" in second.said and "Traceback" not in second.said


def test_ctrl_c_ends_it_well_and_leaves_nothing_running(tmp_path):
    dev = Dev(tmp_path / "data", free_port()).wait_until_ready()
    everyone = dev.everyone()
    assert dev.end() == 0
    _gone, left = psutil.wait_procs(everyone, timeout=PATIENCE_SECONDS)
    assert left == []
    assert "Traceback" not in dev.said


def test_after_a_kill_nothing_is_left_and_it_starts_again_with_its_data(tmp_path):
    port = free_port()
    dev = Dev(tmp_path / "data", port).wait_until_ready()
    socket_path = dev.data_dir / "redis/redis.sock"
    if socket_path.exists():  # a deep temporary directory has its socket elsewhere
        with Redis(unix_socket_path=str(socket_path)) as redis:
            redis.set("kept", "yes")
            redis.execute_command("WAITAOF", 1, 0, 5000)
    everyone = dev.everyone()
    dev.process.kill()
    dev.process.wait()
    again = Dev(tmp_path / "data", port).wait_until_ready()
    try:
        _gone, left = psutil.wait_procs(everyone, timeout=PATIENCE_SECONDS)
        assert left == []
        if socket_path.exists():
            with Redis(unix_socket_path=str(socket_path)) as redis:
                assert redis.get("kept") == b"yes"
    finally:
        again.end()
