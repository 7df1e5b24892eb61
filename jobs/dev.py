"""`flask dev`: everything on one machine under one parent, which starts it in order and stops it in order."""

import contextlib
import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from jobs.embedded_redis import EmbeddedRedis, RedisDidNotStart
from jobs.locks import Held, hold
from jobs.supervisor import Supervisor
from jobs.web import address, port_problem
from settings import Settings

# After a killed `dev`, its web server may hold the port for a moment longer.
PATIENCE_AFTER_KILL = 5.0


@dataclass(frozen=True)
class SignIn:
    email: str
    password: str
    role: str


class CannotStart(Exception):
    """One sentence for the person at the terminal."""


def run_dev(
    settings: Settings,
    *,
    migrate: Callable[[], None],
    seed: Callable[[], None],
    sign_ins: Callable[[], Sequence[SignIn]],
) -> int:
    """Serve until Ctrl-C or SIGTERM; the status to exit with."""
    signals = Signals()
    redis = EmbeddedRedis.at(settings.redis_url, settings.data_dir) if settings.redis_embedded else None
    supervisor = Supervisor(commands(settings), redis)
    try:
        with data_dir_lock(settings) as was_killed:
            wait_for_port(settings, PATIENCE_AFTER_KILL if was_killed else 0.0)
            try:
                if redis:
                    redis.start()
                migrate()
                seed()
                supervisor.start()
                announce_when_ready(settings, sign_ins)
                supervisor.watch(until=lambda: signals.received > 0)
            finally:
                say(f"Stopping. Running work has {settings.drain_seconds} s to finish; Ctrl-C again stops at once.")
                supervisor.stop(settings.drain_seconds, at_once=lambda: signals.received > 1)
    except (CannotStart, RedisDidNotStart) as problem:
        say(str(problem))
        return 1
    except Interrupted:
        return 130
    return 0
