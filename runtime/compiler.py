"""What is known about sources: verdicts by SHA-256, and V8's syntax reports made exact."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
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
        line, column, message = len(lines), _units(lines[-1]) + 1, _beyond_the_end(message)
    elif line == 1:
        column = max(1, column - prefix)
    return ScriptError.of(
        "SYNTAX_ERROR",
        message[:1000],
        line=line,
        column=column,
        stack=f"{message[:1000]}\n    at {source.name}:{line}:{column}",
    )


def place(report: str, prefix: int, text: str) -> int:
    """How far into the user's text a report of V8's points."""
    found = _REPORT.match(report)
    starts = _line_starts(text)
    if found is None or not 1 <= int(found[1]) <= len(starts):
        return len(text)
    line = int(found[1])
    return max(0, starts[line - 1] + len(found[4]) - (prefix if line == 1 else 0))


def braces_before(text: str, end: int) -> Iterator[int]:
    """Where braces close, the last one first."""
    while (end := text.rfind("}", 0, end)) >= 0:
        yield end


def report_at(text: str, at: int, message: str) -> str:
    """What V8 would say of a place in the text."""
    starts = [start for start in _line_starts(text) if start <= at]
    return f"source:{len(starts)}: {message}\n\n{' ' * _units(text[starts[-1] : at])}^"


def _line_starts(text: str) -> list[int]:
    return [0, *(end.end() for end in _LINE_END.finditer(text))]


def _units(text: str) -> int:
    """V8, and editors, count in units of UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def _beyond_the_end(message: str) -> str:
    """A token of ours is none of the user's: something of theirs is still open there."""
    return "SyntaxError: Unexpected end of input" if "Unexpected token" in message else message
