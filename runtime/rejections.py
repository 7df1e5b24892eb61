"""Promises that were rejected and that nobody handled, as V8 itself sees them.

mini-racer has no word for them, but its library exports the functions of V8's own interface. A build that hides or renames
one loses this report and nothing else. V8 makes the texts without running a script's code.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

REJECTED, HANDLED = 0, 1
MOST = 20
"""How many of one run are kept."""
MOST_BYTES = 900

_Local = _Isolate = ctypes.c_void_p
_LISTEN = "_ZN2v87Isolate24SetPromiseRejectCallbackEPFvNS_20PromiseRejectMessageEE"
# Our name: V8's exported one, what it gives, what it takes.
_FUNCTIONS: dict[str, tuple[str, Any, tuple[Any, ...]]] = {
    "current": ("_ZN2v87Isolate10GetCurrentEv", _Isolate, ()),
    "context": ("_ZN2v87Isolate17GetCurrentContextEv", _Local, (_Isolate,)),
    "identity": ("_ZN2v86Object15GetIdentityHashEv", ctypes.c_int, (_Local,)),
    "message": ("_ZN2v89Exception13CreateMessageEPNS_7IsolateENS_5LocalINS_5ValueEEE", _Local, (_Isolate, _Local)),
    "text": ("_ZNK2v87Message3GetEv", _Local, (_Local,)),
    "file": ("_ZNK2v87Message21GetScriptResourceNameEv", _Local, (_Local,)),
    "string": ("_ZNK2v85Value14ToDetailStringENS_5LocalINS_7ContextEEE", _Local, (_Local, _Local)),
    "line": ("_ZNK2v87Message13GetLineNumberENS_5LocalINS_7ContextEEE", ctypes.c_uint64, (_Local, _Local)),
    "column": ("_ZNK2v87Message14GetStartColumnEv", ctypes.c_int, (_Local,)),
    "write": (
        "_ZNK2v86String11WriteUtf8V2EPNS_7IsolateEPcmiPm",
        ctypes.c_size_t,
        (_Local, _Isolate, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p),
    ),
}


class _RejectMessage(ctypes.Structure):
    _fields_ = (("promise", _Local), ("event", ctypes.c_int), ("value", _Local))


_Callback = ctypes.CFUNCTYPE(None, _RejectMessage)


@cache
def _v8(library: ctypes.CDLL) -> dict[str, Any] | None:
    """The functions by our names; None when one is missing."""
    try:
        found = {
            name: ctypes.CFUNCTYPE(gives, *takes)((symbol, library))
            for name, (symbol, gives, takes) in _FUNCTIONS.items()
        }
        found["listen"] = ctypes.CFUNCTYPE(None, _Isolate, _Callback)((_LISTEN, library))
    except AttributeError:
        return None
    return found


@dataclass(frozen=True, slots=True)
class Rejection:
    """`line` counts from 1; the column too, and on the first line from the wrapper's beginning."""

    message: str
    file: str
    line: int
    column: int


class Rejections:
    """Those of one isolate. All of it happens on the isolate's own thread."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._v8 = _v8(library)
        self._open: dict[int, Rejection] = {}
        self._callback = _Callback(self._told)  # must outlive the isolate

    def listen(self) -> None:
        if self._v8:
            self._v8["listen"](self._v8["current"](), self._callback)

    def take(self) -> list[Rejection]:
        """Those that nobody has handled until now."""
        found, self._open = list(self._open.values()), {}
        return found

    def _told(self, told: _RejectMessage) -> None:
        assert self._v8 is not None
        promise = self._v8["identity"](told.promise)
        if told.event == HANDLED:
            self._open.pop(promise, None)
        elif told.event == REJECTED and len(self._open) < MOST:
            self._open[promise] = self._rejection(self._v8, told.value)

    def _rejection(self, v8: dict[str, Any], value: int) -> Rejection:
        isolate = v8["current"]()
        context, message = v8["context"](isolate), v8["message"](isolate, value)
        file = v8["string"](v8["file"](message), context)  # what was rejected outside all code has no file: undefined
        line = v8["line"](message, context)  # Maybe<int>: a flag in the low half, the number in the high
        return Rejection(
            self._text(v8, isolate, v8["text"](message)).removeprefix("Uncaught "),
            self._text(v8, isolate, file),
            line >> 32 if line & 1 else 0,
            v8["column"](message) + 1,
        )

    def _text(self, v8: dict[str, Any], isolate: int, string: int) -> str:
        room = ctypes.create_string_buffer(MOST_BYTES)
        size = v8["write"](string, isolate, room, MOST_BYTES, 0, None)
        return room.raw[:size].decode("utf-8", "replace")
