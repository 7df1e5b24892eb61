"""`flask dev`: everything on this machine under one parent: Redis, migrations, demo data, web, worker, scheduler."""

import http.client
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from subprocess import Popen

import click

from jobs import children
from jobs.embedded_redis import EmbeddedRedis, RedisDidNotStart
from jobs.locks import Held, hold
from jobs.web import address, port_problem
from settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# The others wait this long for the web server to answer first: on a small machine they would slow one another down.
HEAD_START_SECONDS = 5.0
# Who lives this long has started well: the next end is not counted with the earlier ones.
STEADY_SECONDS = 10.0
# On top of what a process may take to finish its work: interpreter exit, a server's own bookkeeping.
STOP_ALLOWANCE_SECONDS = 5.0


@dataclass(frozen=True)
class SignIn:
    email: str
    password: str
    role: str


class CannotStart(Exception):
    """Its message is one sentence for the person at the terminal."""


def run_dev(
    settings: Settings,
    migrate: Callable[[], None],
    seed: Callable[[], None],
    sign_ins: Callable[[], Sequence[SignIn]],
) -> int:
    """Serve until Ctrl-C or SIGTERM and leave nothing running; the exit status."""
    _interrupt_once()
    try:
        with _alone(settings), _redis(settings) as redis:
            migrate()
            seed()
            _supervise(settings, redis, sign_ins)
    except CannotStart as problem:
        click.echo(str(problem), err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    return 0


def _interrupt_once() -> None:
    """The first signal ends what we are doing, wherever we are; the ones after it must not disturb the tidying up."""

    def interrupt(_number: int, _frame: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    try:
        lock = hold(settings.data_dir / "dev.lock", f"at {_url(settings)}")
    except Held as held:
        raise CannotStart(
            f"Dastgoh already runs on {settings.data_dir}, {held.note}. Stop it, or set DATA_DIR."
        ) from None
    with lock:
        if problem := port_problem(settings.host, settings.port):
            raise CannotStart(problem)
        yield


@contextmanager
def _redis(settings: Settings) -> Iterator[EmbeddedRedis | None]:
    """The embedded one, unless REDIS_URL names another."""
    if not settings.redis_embedded:
        yield None
        return
    redis = EmbeddedRedis.at(settings.redis_url, settings.data_dir)
    try:
        redis.start()
        yield redis
    except RedisDidNotStart as problem:
        raise CannotStart(str(problem)) from None
    finally:
        redis.stop()


@dataclass
class Child:
    """One `flask …` process, and the patience we have with it."""

    command: str
    process: "Popen[bytes] | None" = None
    started: float = 0.0
    due: float = 0.0
    failures: int = field(default=0)

    def look_after(self) -> None:
        """Start it when it is due; notice when it has ended, and say when it is due again."""
        if self.process is None:
            if time.monotonic() >= self.due:
                self._start()
        elif (status := self.process.poll()) is not None:
            self._mourn(status)

    def _start(self) -> None:
        self.process = children.spawn([sys.executable, "-m", "flask", "--app", "app", self.command])
        self.started = time.monotonic()

    def _mourn(self, status: int) -> None:
        if self.process is not None:
            children.kill(self.process)  # a server's own processes may have outlived it, and hold its port
            self.process = None
        lived = time.monotonic() - self.started
        self.failures = 1 if lived > STEADY_SECONDS else self.failures + 1
        pause = pause_after(self.failures)
        self.due = time.monotonic() + pause
        log.error("%s ended with status %d; it starts again in %.1f s", self.command, status, pause)


def pause_after(failures: int) -> float:
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))


def _supervise(settings: Settings, redis: EmbeddedRedis | None, sign_ins: Callable[[], Sequence[SignIn]]) -> None:
    members = [Child(command) for command in ("web", *["worker"] * settings.worker_processes, "scheduler")]
    announced, head_start_ends = False, time.monotonic() + HEAD_START_SECONDS
    try:
        while True:
            if redis and not redis.running:
                log.error("the embedded Redis ended; it starts again")
                redis.start()
            for member in members if announced or time.monotonic() > head_start_ends else members[:1]:
                member.look_after()
            if not announced and _answers(settings):
                announced = True
                _announce(settings, sign_ins())
            time.sleep(LOOK_EVERY_SECONDS)
    finally:
        _stop(members, settings.drain_seconds + STOP_ALLOWANCE_SECONDS)


def _stop(members: Sequence[Child], seconds: float) -> None:
    """All are asked at once, so that together they take as long as the slowest."""
    running = [member.process for member in members if member.process is not None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in running:
        children.stop(process, max(0.0, deadline - time.monotonic()))


def _answers(settings: Settings) -> bool:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared with, not listened on
    client = http.client.HTTPConnection(everywhere.get(settings.host, settings.host), settings.port, timeout=2)
    try:
        client.request("GET", "/health/live")
        return client.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def _announce(settings: Settings, people: Sequence[SignIn]) -> None:
    click.echo(f"\nDastgoh is ready at {_url(settings)}   (Ctrl-C stops it)")
    if people:
        widest = max(len(person.email) for person in people)
        click.echo("Sign in as one of:")
        for person in people:
            click.echo(f"  {person.email:{widest}}  {person.password}  {person.role}")
    click.echo()


def _url(settings: Settings) -> str:
    return f"http://{address(settings.host, settings.port)}"
