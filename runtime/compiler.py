"""What is known about sources: verdicts by SHA-256, and V8's syntax reports made exact."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass

from runtime.errors import ScriptError
from runtime.limits import Limits
from runtime.types import Source

HOT_AFTER = 2
_REPORT = re.compile(r"\A.*?:([0-9]{1,9}): (.*)\n(.*)\n( *)\^")
_LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")


@dataclass(slots=True)
class Entry:
    """`checked` says that a verdict was reached; without an error it was a good one."""

    key: str
    checked: bool = False
    error: ScriptError | None = None
    runs: int = 0

    @property
    def hot(self) -> bool:
        return self.runs >= HOT_AFTER


class Compiler:
    """An LRU of verdicts. The least recently used go first."""

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.hits = self.misses = 0

    def find(self, source: Source) -> Entry:
        """The entry of a source, new when it is unknown; counts a hit when its verdict is known."""
        with self._lock:
            entry = self._entries.pop(source.key, None) or Entry(source.key)
            self._entries[source.key] = entry
            self.hits += entry.checked
            self.misses += not entry.checked
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return entry

    def invalidate(self, source: Source | None = None) -> None:
        """Forget one source, or all."""
        with self._lock:
            if source is None:
                self._entries.clear()
            else:
                self._entries.pop(source.key, None)

    def stats(self) -> dict[str, int]:
        with self._lock:
            return {"size": len(self._entries), "hits": self.hits, "misses": self.misses, "capacity": self._size}


def unfit(source: Source, limits: Limits) -> ScriptError | None:
    """Why a source cannot even be sent to an engine."""
    if source.size is None:
        return ScriptError.of("SYNTAX_ERROR", "SyntaxError: the source holds half a character (a lone surrogate)")
    if source.size > limits.max_source_bytes:
        return ScriptError.of(
            "INVALID_INPUT", f"the source has {source.size} bytes; at most {limits.max_source_bytes} are allowed"
        )
    return None


def syntax_error(source: Source, report: str, prefix: int) -> ScriptError:
    """V8's report with the position in the user's own text; what fails after its end is an unexpected end."""
    found = _REPORT.match(report)
    if found is None:
        return ScriptError.of("SYNTAX_ERROR", report.split("\n", 1)[0][:500] or "SyntaxError")
    line, message, column = int(found[1]), found[2], len(found[4]) + 1
    if line == 0:  # V8's parser has no place to tell when its stack is full
        return ScriptError.of("SYNTAX_ERROR", "SyntaxError: the source is nested too deeply")
    lines = _LINE_END.split(source.text)
    if line > len(lines):
        line, column, message = len(lines), len(lines[-1]) + 1, _beyond_the_end(message)
    elif line == 1:
        column = max(1, column - prefix)
    return ScriptError.of(
        "SYNTAX_ERROR",
        message[:1000],
        line=line,
        column=column,
        stack=f"{message[:1000]}\n    at {source.name}:{line}:{column}",
    )


def _beyond_the_end(message: str) -> str:
    """A brace too many already closed our wrapper; else something the user opened was still open."""
    if "'}'" in message:
        return "SyntaxError: Unexpected token '}'"
    return "SyntaxError: Unexpected end of input"
