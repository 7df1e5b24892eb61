"""One pristine isolate with the prelude built in, ready for one script. Lives in the engine process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.driver import FAILURES, PARSE_ERROR, Isolate, ScriptFailure, view

PRELUDE = Path(__file__).with_name("prelude.js").read_text()
MAILBOX_BYTES = 16 + 64 * 1024

# What JavaScript says through the mailbox.
CALL, LOG, VALUE, FAIL, CRYPTO, TIMER, UNTIMER = range(1, 8)
_WIDE, _MORE = 1, 2

# A script is the body of an async function that begins on its own first line. V8 compiles a function in parentheses at
# once, an arrow function only when it is called: a prepared isolate must have it compiled.
HEAD, TAIL = "(async function(){", "\n})"
# Before that, the same source must stand as the body of a function declaration and as that of an arrow function. After a
# brace that closes too much, the one goes on with a statement, the other with `)` or `,`: nothing is both, so no source
# can close its wrapper.
GUARDS = (("if(0){async function f(){", "\n}}"), ("(async()=>{", "\n})"))

Heard = Callable[[int, str], str | None]


class BadSyntax(Exception):
    """V8's report on a source, and how many characters of ours stood before its first line."""

    def __init__(self, report: str, prefix: int) -> None:
        super().__init__(report)
        self.report, self.prefix = report, prefix


class Chamber:
    """`heard` is called on the isolate's thread with everything JavaScript says; its answer goes back at once."""

    def __init__(self, library: Any) -> None:
        self.heard: Heard = lambda operation, text: None
        self._parts: list[str] = []
        self.isolate = isolate = Isolate(library, self._notified)
        boot, arguments = isolate.evaluate(f"{PRELUDE}\n//# sourceURL=dastgoh:prelude"), isolate.evaluate("[]")
        buffer = isolate.evaluate(f"new SharedArrayBuffer({MAILBOX_BYTES})")
        self._mail = view(buffer)
        self._head = self._mail[:12].cast("i")
        isolate.push(arguments, buffer)
        isolate.push(arguments, isolate.notifier())
        self._enter = isolate.call(boot, arguments)
        self._start, self._message = isolate.evaluate("[0]"), isolate.evaluate("[0]")

    def check(self, source: str) -> None:
        """Parse without running anything: a label nobody declares makes the whole text a syntax error at its end."""
        for head, tail in GUARDS:
            self._parse_only(head, source, tail)

    def compile(self, source: str, name: str) -> None:
        """Make the function; it is not run. The source must have been checked."""
        try:
            function = self.isolate.evaluate(f"{HEAD}{source}{TAIL}\n//# sourceURL={name}")
        except ScriptFailure as failure:
            raise _as_syntax(failure, HEAD) from None
        self.isolate.push(self._start, function)

    def start(self, settings: bytes, done: Callable[[ScriptFailure | None], None]) -> None:
        self._enter_with(self._start, settings, done)

    def deliver(self, message: bytes, done: Callable[[ScriptFailure | None], None]) -> None:
        """Hand over an answer to a call or the number of a timer that is due."""
        self._enter_with(self._message, message, done)

    def close(self) -> None:
        self._head.release()
        self._mail.release()
        self.isolate.close()

    def _enter_with(self, arguments: Any, message: bytes, done: Callable[[ScriptFailure | None], None]) -> None:
        text = self.isolate.text(message)
        self.isolate.set_first(arguments, text)
        self.isolate.free(text)
        self.isolate.call_later(self._enter, arguments, done)

    def _parse_only(self, head: str, source: str, tail: str) -> None:
        label = f"end_{secrets.token_hex(8)}"
        try:
            self.isolate.evaluate(f"{head}{source}{tail}\nbreak {label}")
        except ScriptFailure as failure:
            if f"Undefined label '{label}'" not in failure.message:
                raise _as_syntax(failure, head) from None

    def _notified(self) -> None:
        operation, length, flags = self._head
        if flags & _WIDE:
            part = bytes(self._mail[16 : 16 + 2 * length]).decode("utf-16-le", "replace")
        else:
            part = bytes(self._mail[16 : 16 + length]).decode("latin-1")
        self._parts.append(part)
        if flags & _MORE:
            return
        text = "".join(self._parts)
        self._parts.clear()
        answer = self.heard(operation, text)
        if answer is not None:
            self._head[1] = len(answer)
            self._mail[16 : 16 + len(answer)] = answer.encode("ascii")


def _as_syntax(failure: ScriptFailure, head: str) -> Exception:
    return BadSyntax(failure.message, len(head)) if failure.kind == FAILURES[PARSE_ERROR] else failure
