"""sdk.once of one run: it waits for its turn, and when it ends, however it ends, it gives back what it holds."""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Lock
from typing import Any

from models.base import utcnow
from runtime.errors import HostError
from runtime.host import current_call
from services import once
from services.granted.redactor import refuse_secrets
from services.granted.workspace import Workspace

log = logging.getLogger(__name__)
# One call waits so long before the prelude asks again: waiting must not eat up the run's budget of calls.
WAIT_SECONDS = 5.0
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 0.5
# The lease outlives the run by what it may take to end it; without a deadline, a run has at most so long.
AFTERWARDS_SECONDS = 30.0
LONGEST_RUN_SECONDS = 300.0


class RunOnce:
    def __init__(self, workspace: Workspace, redact: Callable[[Any], Any]) -> None:
        self._workspace, self._redact = workspace, redact
        self._holding: dict[str, str] = {}
        self._lock = Lock()
        self._closed = False

    def begin(self, key: str) -> dict[str, Any]:
        refuse_secrets(self._redact, key, "sdk.once: a key")
        call = current_call()
        stopped = call.cancelled if call else Event()
        until, look = time.monotonic() + WAIT_SECONDS, FIRST_LOOK_SECONDS
        while True:
            token = f"{self._workspace.facts.execution_id}.{secrets.token_hex(8)}"
            match self._begin(key, token):
                case once.Done(value):
                    _note("kept", key)
                    return {"state": "done", "value": value}
                case once.Held():
                    _note("first", key)
                    return {"state": "run", "token": token}
            if time.monotonic() + look > until:
                _note("waiting", key)
                return {"state": "wait", "retry_ms": 1}
            if stopped.wait(look):
                raise HostError("CANCELLED", "The run is over")
            look = min(look * 1.5, LONGEST_LOOK_SECONDS)

    def finish(self, key: str, token: str, value: Any) -> None:
        self._refuse_unless_held(key, token)
        with self._workspace.open():
            once.finish(self._workspace.facts, key, token, self._redact(value))
        self._holding.pop(token, None)

    def fail(self, key: str, token: str) -> None:
        self._refuse_unless_held(key, token)
        self._release(key, token)
        self._holding.pop(token, None)

    def close(self) -> None:
        """The run is over: nobody will finish what it began."""
        with self._lock:
            self._closed = True
            left, self._holding = self._holding, {}
        for token, key in left.items():
            try:
                self._release(key, token)
            except HostError:
                log.warning("a key of sdk.once stays held until its lease is over")

    def _refuse_unless_held(self, key: str, token: str) -> None:
        if self._holding.get(token) != key:
            raise HostError("INVALID_INPUT", "sdk.once: this run does not hold this key")

    def _release(self, key: str, token: str) -> None:
        with self._workspace.open():
            once.release(self._workspace.facts, key, token)

    def _begin(self, key: str, token: str) -> once.Done | once.Held | once.Busy:
        # Under the lock, so that `close` knows of every key that was taken.
        with self._lock:
            if self._closed:
                raise HostError("CANCELLED", "The run is over")
            with self._workspace.open():
                begun = once.begin(self._workspace.facts, key, token, utcnow() + self._lease())
            if isinstance(begun, once.Held):
                self._holding[token] = key
            return begun

    def _lease(self) -> timedelta:
        call, deadline = current_call(), self._workspace.facts.deadline
        ends = call.deadline if call else deadline
        left = LONGEST_RUN_SECONDS if ends is None else max(0.0, ends - time.monotonic())
        return timedelta(seconds=left + AFTERWARDS_SECONDS)


def _note(state: str, key: str) -> None:
    if call := current_call():
        call.note(state, key)
