"""Host calls of one run, seen from the parent: budget, turn-taking, deadline, trace."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NoReturn

from runtime.errors import HOST_FAILURE, HostError, clipped
from runtime.limits import KIB, Limits
from runtime.types import CallTrace
from runtime.wire import NotJson, ProtocolError, TooDeep, decode, encode
from runtime.workers import Workers

log = logging.getLogger(__name__)

MOST_MESSAGE, MOST_DETAILS = 4_000, 64 * KIB
"""Of a host function's error: characters, and bytes of JSON."""
_NEST = b"[" * 16 + b"%s" + b"]" * 16  # the outcome of a run holds details some levels down

HostFunction = Callable[..., Any]

# [number,"name",[arguments]]: read apart, so that arguments nobody should read can still be refused.
_HEAD = re.compile(rb'\[([1-9][0-9]{0,9}),("(?:[^"\\]|\\.)*"),')


@dataclass(frozen=True, slots=True)
class HostCall:
    """What a host function may know about the call it is serving."""

    name: str
    execution_id: str | None
    deadline: float
    """On the clock of time.monotonic()."""
    cancelled: threading.Event
    notes: list[tuple[str, str]] = field(default_factory=list)

    def note(self, word: str, text: str) -> None:
        """Have it seen beside this call in the run's trace."""
        self.notes[:] = [(word, text)]

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.deadline - time.monotonic())


_current: ContextVar[HostCall | None] = ContextVar("runtime_host_call", default=None)


def current_call() -> HostCall | None:
    """The call this thread is serving; None outside one."""
    return _current.get()


def flatten(host: Mapping[str, Any] | None) -> dict[str, HostFunction]:
    """Dotted names to functions, from a nested or an already dotted mapping."""
    flat: dict[str, HostFunction] = {}
    for name, entry in (host or {}).items():
        if isinstance(entry, Mapping):
            flat.update((f"{name}.{inner}", function) for inner, function in flatten(entry).items())
        elif callable(entry):
            flat[name] = entry
        else:
            raise TypeError(f"host entry {name!r} is neither a function nor a mapping")
    return flat


class HostFunctions:
    """What one run may call, by dotted names."""

    def __init__(self, host: Mapping[str, Any] | None) -> None:
        self._functions = flatten(host)
        self.names = encode(list(self._functions))

    def get(self, name: str) -> HostFunction | None:
        return self._functions.get(name)


class Calls:
    """The host calls of one run. Calls arrive on the run's thread and are served on worker threads."""

    def __init__(
        self,
        host: HostFunctions,
        limits: Limits,
        workers: Workers,
        answer: Callable[[bytes], None],
        on_call: Callable[[CallTrace], None] | None,
        execution_id: str | None,
    ) -> None:
        self._host, self._limits, self._workers, self._answer = host, limits, workers, answer
        self._on_call, self._execution_id = on_call, execution_id
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._active = 0
        self._closed = False
        self._last_id = 0
        self._trace: dict[int, CallTrace] = {}
        self._cancelled: threading.Event | None = None  # made with the first call: many runs make none
        self._stopped = False
        self.made = 0
        self.started = self.deadline = time.monotonic()

    def start(self, deadline: float) -> None:
        self.started, self.deadline = time.monotonic(), deadline

    def accept(self, request: bytes) -> None:
        """Take one call off the wire. Shape and order are checked; a wrong one ends the engine."""
        head = _HEAD.match(request)
        if head is None or not request.endswith(b"]") or int(head[1]) != self._last_id + 1:
            raise ProtocolError("malformed host call")
        self._last_id = call_id = int(head[1])
        name = decode(head[2])
        function = self._function(name)
        if function is None:
            raise ProtocolError("call of a name that is not bound")
        if self.made >= self._limits.max_api_calls:
            raise ProtocolError("a call beyond the budget")  # an honest engine refuses it itself
        self._cancelled = self._cancelled or threading.Event()
        if self._stopped:
            return
        self.made += 1
        self._record(CallTrace(call_id, name, self._elapsed_ms(), request_bytes=len(request)))
        call = HostCall(name, self._execution_id, self.deadline, self._cancelled)
        args = _arguments(request[head.end() : -1])
        self._take_turn(lambda: self._serve(call_id, call, function, args))

    def _function(self, name: str) -> HostFunction | None:
        """One that cannot be made fails like one that cannot be done: the conversation with the engine goes on."""
        try:
            return self._host.get(name)
        except Exception as error:
            return partial(_fail, error)

    def cancel(self) -> None:
        """Accept no further calls and tell those under way to stop."""
        self._stopped = True
        if self._cancelled is not None:
            self._cancelled.set()

    def close(self) -> list[CallTrace]:
        """No call is accepted or answered any more; those under way are told to stop."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            unfinished = [entry for entry in self._trace.values() if entry.outcome is None]
        self.cancel()
        for entry in unfinished:
            self._finish(entry.id, "CANCELLED", 0)
        return list(self._trace.values())

    def _take_turn(self, task: Callable[[], None]) -> None:
        with self._lock:
            if self._active >= self._limits.max_concurrent_calls:
                self._waiting.append(task)
                return
            self._active += 1
        self._workers.submit(task)

    def _give_turn(self) -> None:
        with self._lock:
            if not self._waiting:
                self._active -= 1
                return
            task = self._waiting.popleft()
        self._workers.submit(task)

    def _serve(self, call_id: int, call: HostCall, function: HostFunction, args: list[Any] | None) -> None:
        token = _current.set(call)
        try:
            if args is None:
                raise HostError("INVALID_INPUT", f"arguments of {call.name} are nested too deeply")
            outcome, answer = "ok", self._encoded(function(*args))
        except HostError as error:
            outcome, answer = error.code, _failure(error)
        except BaseException:  # a call that is never answered would hold its run until the deadline
            log.exception("host function %s failed", call.name)
            outcome, answer = HOST_FAILURE, _failure(HostError(HOST_FAILURE, f"{call.name} failed"))
        finally:
            _current.reset(token)
        self._settle(call_id, outcome, answer, call.notes)
        self._give_turn()

    def _encoded(self, value: Any) -> bytes:
        try:
            text = encode(value)
        except NotJson as error:
            raise TypeError(f"a host function answered what is not JSON: {error}") from None
        if len(text) > self._limits.max_answer_bytes:
            raise HostError("OUTPUT_TOO_LARGE", "the answer is too large", retryable=False)
        return f",true,{text}]".encode()

    def _settle(self, call_id: int, outcome: str, answer: bytes, notes: Sequence[tuple[str, str]]) -> None:
        self._finish(call_id, outcome, len(answer), notes)
        with self._lock:
            if self._closed:
                return
        self._answer(b"[%d%s" % (call_id, answer))

    def _record(self, entry: CallTrace) -> None:
        with self._lock:
            self._trace[entry.id] = entry
        self._tell(entry)

    def _finish(self, call_id: int, outcome: str, size: int, notes: Sequence[tuple[str, str]] = ()) -> None:
        with self._lock:
            entry = self._trace[call_id]
            if entry.outcome is not None:
                return
            duration = self._elapsed_ms() - entry.started_ms
            note = next(iter(notes), None)
            entry = replace(entry, duration_ms=duration, outcome=outcome, response_bytes=size, note=note)
            self._trace[call_id] = entry
        self._tell(entry)

    def _tell(self, entry: CallTrace) -> None:
        if self._on_call is None:
            return
        try:
            self._on_call(entry)
        except Exception:
            log.exception("a listener to host calls failed")

    def _elapsed_ms(self) -> float:
        return (time.monotonic() - self.started) * 1000


def _arguments(text: bytes) -> list[Any] | None:
    """None when they are nested so deeply that no function should see them."""
    try:
        args = decode(text)
    except TooDeep:
        return None
    if not isinstance(args, list):
        raise ProtocolError("malformed host call")
    return args


def _fail(error: Exception, *_: object) -> NoReturn:
    raise error


def _failure(error: HostError) -> bytes:
    shown = {"code": error.code, "message": clipped(str(error.message), MOST_MESSAGE), "retryable": error.retryable}
    return f",false,{json.dumps(shown | {'details': _bearable(error.details)}, default=str)}]".encode()


def _bearable(details: Any) -> Any:
    """None for what could not come back in the outcome of the run: no JSON, too large, nested too deeply."""
    try:
        text = json.dumps(details, default=str, allow_nan=False).encode()
        decode(_NEST % text)
        return json.loads(text) if len(text) <= MOST_DETAILS else None
    except Exception:  # whatever somebody put there may raise anything
        log.exception("the details of a host error cannot be told")
        return None
