"""V8 through mini-racer's C interface: the only file that imports it.

mini-racer's public classes bring an event loop and a thread for every isolate and hang on some results; its C interface
does neither, but is private. `start` therefore refuses a binding that does not look as expected.
"""

from __future__ import annotations

import ctypes
import os
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from py_mini_racer import _dll as binding

# Tags of values, as in mini-racer's C++ side.
INTEGER, TEXT, UNDEFINED, FUNCTION, SHARED_BUFFER = 3, 5, 11, 100, 101
PARSE_ERROR, OUT_OF_MEMORY = 201, 202
FAILURES = {
    200: "error",
    PARSE_ERROR: "parse",
    OUT_OF_MEMORY: "memory",
    203: "timeout",
    204: "terminated",
    205: "value",
}

NEEDED = (
    "mr_init_context",
    "mr_free_context",
    "mr_eval",
    "mr_call_function",
    "mr_make_js_callback",
    "mr_alloc_string_val",
    "mr_alloc_int_val",
    "mr_free_value",
    "mr_get_object_item",
    "mr_set_hard_memory_limit",
    "mr_hard_memory_limit_reached",
)

Handle = Any  # a ctypes pointer to mini-racer's value


class BindingChanged(RuntimeError):
    """The installed mini-racer has another C interface than the one this file speaks."""


class ScriptFailure(Exception):
    """An evaluation ended badly: `kind` is one of FAILURES' names, the message is V8's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


def start(flags: Iterable[str]) -> Any:
    """Initialise V8 in this process; no isolate is made."""
    if not hasattr(binding, "init_mini_racer") or not hasattr(binding, "MR_CALLBACK"):
        raise BindingChanged("py_mini_racer._dll is not as expected")
    library = binding.init_mini_racer(flags=tuple(flags), ignore_duplicate_init=True)
    missing = [name for name in NEEDED if not hasattr(library, name)]
    if missing:
        raise BindingChanged(f"mini-racer lacks {', '.join(missing)}")
    return library


class Isolate:
    """One V8 isolate on its own thread. `on_notify` is called on that thread while JavaScript waits."""

    NOTIFY = 1

    def __init__(self, library: Any, on_notify: Callable[[], None]) -> None:
        self._library, self._on_notify = library, on_notify
        self._waiting: dict[int, Callable[[Handle], None]] = {}
        self._last = self.NOTIFY
        self._python: int | None = None  # what Python knows of the isolate's thread
        self._callback = binding.MR_CALLBACK(self._called_back)  # must outlive the isolate
        self._context = library.mr_init_context(self._callback)

    def evaluate(self, code: str) -> Handle:
        """The handle of what `code` evaluates to."""
        arrived, box, text = threading.Event(), [], self.text(code)

        def finish(handle: Handle) -> None:
            box.append(handle)
            arrived.set()

        self._library.mr_eval(self._context, text, self._expect(finish))
        arrived.wait()
        self.free(text)
        failure = self._failure(box[0])
        if failure:
            self.free(box[0])
            raise failure
        return box[0]

    def call(
        self, function: Handle, this: Handle, arguments: Handle, done: Callable[[ScriptFailure | None], None]
    ) -> None:
        """Queue a call; `done` hears on the isolate's thread how it ended; promise jobs come after."""

        def finish(handle: Handle) -> None:
            failure = self._failure(handle)
            self.free(handle)
            done(failure)

        number = self._expect(finish)
        self._library.mr_call_function(self._context, function, this, arguments, number)

    def notifier(self) -> Handle:
        """A function that calls `on_notify`."""
        return self._library.mr_make_js_callback(self._context, self.NOTIFY)

    def text(self, text: str | bytes) -> Handle:
        data = text.encode() if isinstance(text, str) else text
        return self._library.mr_alloc_string_val(self._context, data, len(data), TEXT)

    def number(self, number: int) -> Handle:
        return self._library.mr_alloc_int_val(self._context, number, INTEGER)

    def item(self, array: Handle, at: int) -> Handle:
        index = self.number(at)
        try:
            return self._library.mr_get_object_item(self._context, array, index)
        finally:
            self.free(index)

    def limit_heap(self, size: int) -> None:
        self._library.mr_set_hard_memory_limit(self._context, size)

    @property
    def out_of_memory(self) -> bool:
        return bool(self._library.mr_hard_memory_limit_reached(self._context))

    def free(self, handle: Handle) -> None:
        self._library.mr_free_value(self._context, handle)

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def close(self) -> None:
        self._library.mr_free_context(self._context)
        if self._python is not None:  # its thread has ended
            _python.PyThreadState_Clear(self._python)
            _python.PyThreadState_Delete(self._python)

    def _expect(self, finish: Callable[[Handle], None]) -> int:
        self._last += 1
        self._waiting[self._last] = finish
        return self._last

    def _failure(self, handle: Handle) -> ScriptFailure | None:
        kind = FAILURES.get(handle.contents.type)
        if kind is None:
            return None
        return ScriptFailure(kind, ctypes.string_at(handle.contents.value.value_ptr, handle.contents.len).decode())

    def _called_back(self, number: int, handle: Handle) -> None:
        """V8 hears of no exception: a process that has no memory left for this would be waited for until the deadline."""
        try:
            if self._python is None:
                self._python = _stay_known()
            if number == self.NOTIFY:
                self.free(handle)
                self._on_notify()
            else:
                self._waiting[number](handle)
                del self._waiting[number]  # only now may the isolate be closed
        except BaseException:
            try:
                traceback.print_exc()
            finally:
                os._exit(1)


_python = ctypes.PyDLL(None)
_python.PyGILState_GetThisThreadState.restype = ctypes.c_void_p
_python.PyThreadState_Clear.argtypes = _python.PyThreadState_Delete.argtypes = (ctypes.c_void_p,)


def _stay_known() -> int:
    """Python would get to know a thread of V8's anew with every callback and forget it at its end: four fifths of what one costs."""
    _python.PyGILState_Ensure()
    return int(_python.PyGILState_GetThisThreadState())


def view(handle: Handle) -> memoryview:
    """The bytes of a shared buffer."""
    if handle.contents.type != SHARED_BUFFER:
        raise BindingChanged("no shared buffer where one was made")
    raw = (ctypes.c_ubyte * handle.contents.len).from_address(handle.contents.value.value_ptr)
    return memoryview(raw).cast("B")
