"""The web server: gunicorn with threads, in this process, on HOST:PORT."""

import logging
import os
import select
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from services.slow_senders import slow_senders
from settings import Settings

# Longer than any request may take: the main thread of a server process tells gunicorn it lives, whatever its threads do.
SILENCE_SECONDS = 60
KEEPALIVE_SECONDS = 15
FOLLOWS_WITHIN_MS = 5
HEAD_SECONDS = 10


def nothing() -> None:
    """What to do at the end when there is nothing to do."""


def run_web(settings: Settings, create_app: Callable[[], Flask], on_stop: Callable[[], None] = nothing) -> None:
    """Serve until SIGTERM. The application is made after the fork, in each server process, and so are its engines."""
    if problem := port_problem(settings.host, settings.port):
        raise SystemExit(problem)
    Server(gunicorn_options(settings, on_stop), create_app).run()


def gunicorn_options(settings: Settings, on_stop: Callable[[], None]) -> dict[str, Any]:
    return {
        "bind": address(settings.host, settings.port),
        "worker_class": AttentiveWorker,
        "workers": settings.web_workers,
        "threads": settings.web_threads,
        "timeout": SILENCE_SECONDS,
        "graceful_timeout": settings.drain_seconds,
        "keepalive": KEEPALIVE_SECONDS,
        "limit_request_line": 8190,
        # Whoever came through a proxy on this machine could name SCRIPT_NAME, and so another path than the proxy saw.
        "forwarder_headers": "",
        "forwarded_allow_ips": "",
        "preload_app": False,
        "control_socket_disable": True,
        "logger_class": OurLogger,
        "worker_exit": lambda _arbiter, _worker: on_stop(),
    }


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def port_problem(host: str, port: int) -> str | None:
    """Why the server could not listen there, as one sentence; None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            return f"Cannot listen on {address(host, port)}: {reason}. Set PORT (or HOST) to a free one."
    return None


class Server(BaseApplication):
    def __init__(self, options: dict[str, Any], create_app: Callable[[], Flask]) -> None:
        self.options = options
        self.create_app = create_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.create_app()


class AttentiveWorker(ThreadWorker):
    """A thread stays with a connection whose next request follows at once, unless another waits for a thread: otherwise every
    request passes through the main thread twice. Who sends a request's head too slowly loses the connection.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unattended: deque[TConn] = deque()

    def enqueue_req(self, conn: TConn) -> None:
        self._unattended.append(conn)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        self._unattended.popleft()
        while (stays_open := self._handle_one(conn)) is True and self._follows(conn):
            pass
        return stays_open

    def handle_request(self, req: Any, conn: TConn) -> object:
        slow_senders.unwatch(conn.sock)  # its head has arrived
        return super().handle_request(req, conn)

    def _handle_one(self, conn: TConn) -> object:
        slow_senders.watch(conn.sock, HEAD_SECONDS)
        try:
            return super().handle(conn)
        finally:
            slow_senders.unwatch(conn.sock)

    def _follows(self, conn: TConn) -> bool:
        if self._unattended or not self.alive:
            return False
        ears = select.poll()
        ears.register(conn.sock, select.POLLIN)
        return bool(ears.poll(FOLLOWS_WITHIN_MS))


class OurLogger(Logger):
    """gunicorn's own messages go where everything else goes; the application writes a line for each request itself."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
