"""The web server: gunicorn with threads, in this process, on HOST:PORT."""

import logging
import os
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from settings import Settings

# Longer than any request may take: the main thread of a server process tells gunicorn it lives, whatever its threads do.
SILENCE_SECONDS = 60
KEEPALIVE_SECONDS = 15


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
        "worker_class": "gthread",
        "workers": settings.web_workers,
        "threads": settings.web_threads,
        "timeout": SILENCE_SECONDS,
        "graceful_timeout": settings.drain_seconds,
        "keepalive": KEEPALIVE_SECONDS,
        "limit_request_line": 8190,
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


class OurLogger(Logger):
    """gunicorn's own messages go where everything else goes; the application writes a line for each request itself."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
