"""The Redis we bring: it starts, keeps what it was told, and belongs to one process at a time."""

import os
import signal

import pytest
from redis import Redis

from jobs.embedded_redis import EmbeddedRedis, RedisDidNotStart


@pytest.fixture
def embedded(tmp_path):
    server = EmbeddedRedis(tmp_path / "redis.sock", tmp_path)
    yield server
    server.stop()


def test_it_keeps_its_data_when_it_is_stopped_and_started(embedded):
    with Redis.from_url(embedded.start()) as redis:
        redis.set("kept", "yes")
    embedded.stop()
    with Redis.from_url(embedded.start()) as redis:
        assert redis.get("kept") == b"yes"


def test_it_starts_again_at_the_same_address_after_its_process_was_killed(embedded):
    url = embedded.start()
    os.kill(embedded._process.pid, signal.SIGKILL)
    embedded._process.wait()
    assert not embedded.running
    assert embedded.start() == url
    with Redis.from_url(url) as redis:
        assert redis.ping()


def test_a_second_one_in_the_same_directory_is_refused(embedded, tmp_path):
    embedded.start()
    with pytest.raises(RedisDidNotStart, match=f"in use by process {os.getpid()}"):
        EmbeddedRedis(embedded.socket, tmp_path).start()


def test_nobody_else_on_the_machine_can_reach_its_socket(embedded):
    embedded.start()
    assert embedded.socket.stat().st_mode & 0o077 == 0
    assert embedded.socket.parent.stat().st_mode & 0o077 == 0


def test_stopping_leaves_no_socket_behind(embedded):
    embedded.start()
    embedded.stop()
    assert not embedded.socket.exists()
    assert not embedded.running


def test_a_short_directory_that_only_the_socket_needed_goes_with_it_and_comes_back(tmp_path):
    server = EmbeddedRedis(tmp_path / "short" / "redis.sock", tmp_path / "data")
    for _ in range(2):
        server.start()
        assert server.socket.exists()
        server.stop()
        assert [entry.name for entry in tmp_path.iterdir()] == ["data"]
