"""One execution, as all who have to do with it know it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runtime.calls import Calls
from runtime.compiler import Entry
from runtime.errors import ScriptError
from runtime.limits import Limits
from runtime.types import LogEntry, Outcome, Source

if TYPE_CHECKING:
    from runtime.engine import Engine


@dataclass(slots=True)
class Run:
    """One execution on its way through the runtime. `cancel` may come from any thread at any time."""

    source: Source
    entry: Entry
    names: str
    """Of the bound host functions, as JSON."""
    settings: str
    limits: Limits
    calls: Calls
    on_log: Callable[[LogEntry], None] | None = None
    outcome: Outcome = field(default_factory=Outcome)
    cancelled: bool = False
    engine: Engine | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    on_cancel: Callable[[], object] | None = None
    number: int = 0
    malformed: bool = False
    """The engine could not read the source; a host function's error may have the same code."""

    def cancel(self) -> None:
        with self.lock:
            self.cancelled = True
            engine, wake = self.engine, self.on_cancel
        self.calls.cancel()
        if wake:
            wake()
        if engine:
            engine.kill()

    def board(self, engine: Engine | None) -> None:
        with self.lock:
            self.engine = engine
            if engine and self.cancelled:
                engine.kill()

    def fail(self, code: str, message: str, **more: Any) -> None:
        self.outcome.error = ScriptError.of(code, message, **more)
