"""An engine beside the pool: what it is asked waits for no run."""

from __future__ import annotations

import threading
from collections.abc import Callable

from runtime.engine import Engine, NotStarted
from runtime.errors import EngineUnavailable, ScriptError


class SideEngine:
    """Made when it is first asked something, and again after it failed."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._engine: Engine | None = None
        self._closed = False

    def ask(self, question: Callable[[Engine], ScriptError | None]) -> ScriptError | None:
        """The answer to the question; an error that is not the script's own when no engine can answer it."""
        with self._lock:
            try:
                error = question(self._current())
            except (EngineUnavailable, NotStarted) as problem:
                self._retire()
                return ScriptError.of("ENGINE_CRASHED", f"no engine could be made: {problem}")
            if error and error.code != "SYNTAX_ERROR":
                self._retire()
            return error

    def pids(self) -> list[int]:
        engine = self._engine
        return [engine.pid] if engine else []

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._retire()

    def _current(self) -> Engine:
        if self._engine is None or self._engine.dead:
            self._retire()
            if self._closed:
                raise EngineUnavailable("the runtime is closed")
            self._engine = self._make()
        return self._engine

    def _retire(self) -> None:
        engine, self._engine = self._engine, None
        if engine:
            engine.bury()
