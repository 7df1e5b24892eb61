"""One pristine isolate with the prelude built in, ready for one script. Lives in the engine process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from runtime.compiler import braces_before, place, report_at
from runtime.driver import FAILURES, PARSE_ERROR, Handle, Isolate, ScriptFailure, view
from runtime.rejections import Rejections
from runtime.wrapping import GUARDS, HEAD, TAIL

_NAME = "dastgohPrelude"
PRELUDE = Path(__file__).with_name("prelude.js").read_text()
_OPEN = f"(open => {{ delete globalThis.{_NAME}; return open(); }})({_NAME})"

# What JavaScript says through the mailbox.
CALL, LOG, VALUE, FAIL, CRYPTO, TIMER, UNTIMER = range(1, 8)
_WIDE, _MORE = 1, 2

MOST_BRACES = 4
"""Before a syntax error: how many are looked at."""

SETTLE_S = 0.1
"""How long what has ended may take to come to rest."""

Heard = Callable[[int, str], str | None]
Done = Callable[[ScriptFailure | None], None]


def build(names: str) -> str:
    """Leaves the prelude where `_OPEN` finds it, once, with the SDK of these host names."""
    return f"globalThis.{_NAME} = {PRELUDE}({names})\n//# sourceURL=dastgoh:prelude"


class BadSyntax(Exception):
    """V8's report on a source, and how many characters of ours stood before its first line."""

    def __init__(self, report: str, prefix: int) -> None:
        super().__init__(report)
        self.report, self.prefix = report, prefix


class Chamber:
    """`heard` is called on the isolate's thread with everything JavaScript says; its answer goes back at once.

    `usual` are the host names, as JSON, that the snapshot was taken with.
    """

    def __init__(self, library: Any, usual: str = "[]") -> None:
        self.heard: Heard = lambda operation, text: None
        self._names = usual
        self._parts: list[str] = []
        self.isolate = isolate = Isolate(library, self._notified)
        self.from_snapshot = True
        self._ends = self._open(usual)
        self._enter = isolate.item(self._ends, 0)
        self._mail = view(isolate.item(self._ends, 1))
        self._head = self._mail[:12].cast("i")
        self._pause = isolate.number(0)
        self.rejections = Rejections(library)
        self._send(isolate.notifier(), lambda failure: self.rejections.listen())

    def check(self, source: str) -> None:
        """Parse without running anything. A brace too many is named itself, not what happens to come after it."""
        problems = [problem for head, tail in GUARDS if (problem := self._problem(head, source, tail))]
        if problems:
            raise self._brace_too_many(source, problems) or problems[0]

    def compile(self, source: str, name: str) -> None:
        """Make the function; it is not run. The source must have been checked."""
        try:
            function = self.isolate.evaluate(f"{HEAD}{source}{TAIL}\n//# sourceURL={name}")
        except ScriptFailure as failure:
            raise _as_syntax(failure, HEAD) from None
        self._send(function, _nothing)

    def furnish(self, names: str) -> None:
        """Build the SDK of these host names, unless it stands."""
        if names != self._names:
            self._names = names
            self._send(self.isolate.text(f"n{names}"), _nothing)

    def tell(self, message: bytes, rested: Done) -> None:
        """Hand over settings, which starts the script, an answer to a call, or the number of a timer that is due.

        `rested` hears, on the isolate's thread, when all has been done that could be done upon it: promise jobs run
        after the call that queued them, so a call that does nothing is queued behind them.
        """

        def entered(failure: ScriptFailure | None) -> None:
            if failure is not None:
                rested(failure)
            else:
                self.isolate.call(self._enter, self._pause, self._ends, rested)

        self._send(self.isolate.text(message), entered)

    def close(self) -> None:
        until = time.monotonic() + SETTLE_S
        while self.isolate.busy and time.monotonic() < until:
            time.sleep(0.0005)
        self._head.release()
        self._mail.release()
        self.isolate.close()

    def _open(self, usual: str) -> Handle:
        try:
            return self.isolate.evaluate(_OPEN)
        except ScriptFailure:  # no snapshot: it is not there yet
            self.from_snapshot = False
            self.isolate.free(self.isolate.evaluate(build(usual)))
            return self.isolate.evaluate(_OPEN)

    def _send(self, message: Handle, done: Done) -> None:
        self.isolate.call(self._enter, message, self._ends, done)
        self.isolate.free(message)

    def _problem(self, head: str, source: str, tail: str) -> BadSyntax | None:
        """A label nobody declares makes every text a syntax error, at the latest at its end: nothing is run."""
        label = f"end_{secrets.token_hex(8)}"
        try:
            self.isolate.evaluate(f"{head}{source}{tail}\nbreak {label}")
        except ScriptFailure as failure:
            if f"Undefined label '{label}'" in failure.message:
                return None
            problem = _as_syntax(failure, head)
            if isinstance(problem, BadSyntax):
                return problem
            raise
        return None

    def _brace_too_many(self, source: str, problems: list[BadSyntax]) -> BadSyntax | None:
        """The first that ends a whole function, so that our own closing brace is not wanted."""
        closing = None
        for end in sorted({place(problem.report, problem.prefix, source) for problem in problems}):
            for at in islice(braces_before(source, end), MOST_BRACES):
                closing = at if self._is_whole(source[: at + 1]) else closing
            if closing is not None:
                return BadSyntax(report_at(source, closing, "SyntaxError: Unexpected token '}'"), 0)
        return None

    def _is_whole(self, source: str) -> bool:
        return not any(self._problem(head, source, tail.replace("}", "", 1)) for head, tail in GUARDS)

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


def _nothing(failure: ScriptFailure | None) -> None:
    """A call whose end nobody waits for."""


def _as_syntax(failure: ScriptFailure, head: str) -> Exception:
    return BadSyntax(failure.message, len(head)) if failure.kind == FAILURES[PARSE_ERROR] else failure
