"""Masks the secrets a run read wherever the run would show them.

A value is looked for in the shapes it takes by accident: as it is, escaped for JSON or a URL, in base64 and hex. All texts
of what is shown are searched as one, without white space, so a value torn in two by the arguments of a log line is found,
too. Against a script that wants to give a secret away nothing helps but not giving it the secret.
"""

import base64
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import accumulate, islice
from threading import Lock
from typing import Any, TypeVar, cast
from urllib.parse import quote, quote_plus

from runtime.errors import HostError

MASK = "••••"
SHORTEST = 4
# From here on a shape may be torn apart and is still no coincidence.
LONG_ENOUGH_TO_TEAR = 8
LONG_ENOUGH_ALONE = 16  # a line of a key, a member of a JSON document

T = TypeVar("T")
Range = tuple[int, int]
# Where a text was shortened: by the engine's log, by a message of ours, by V8's `"text"... is not valid JSON`.
_GAP = re.compile(r"…\[\d+characterscut\]…|…|\\*\"\.\.\.|\.\.\.\\*\"")
_BETWEEN_GAPS = re.compile(r"\.\.\.\\*\"([^\"]{8,40}?)\\*\"\.\.\.")
_MOST_BETWEEN_GAPS = 8
_RUN = re.compile(r"\S+")
_LEFT_BY_ENCODE_URI = ";,/?:@&=+$!*'()#"


class _Key(str):
    """The name of a member."""


class Redactor:
    def __init__(self) -> None:
        self._torn: tuple[str, ...] = ()
        self._whole: tuple[str, ...] = ()
        self._lock = Lock()

    def add(self, value: str) -> None:
        shapes = set(_shapes(value))
        torn = {squeezed for shape in shapes if len(squeezed := _squeezed(shape)) >= LONG_ENOUGH_TO_TEAR}
        whole = {shape for shape in shapes if len(shape) >= SHORTEST and len(_squeezed(shape)) < LONG_ENOUGH_TO_TEAR}
        with self._lock:
            self._torn = (*self._torn, *sorted(torn - set(self._torn), key=len, reverse=True))
            self._whole = (*self._whole, *sorted(whole - set(self._whole), key=len, reverse=True))

    def redact(self, thing: T) -> T:
        """The same thing with `••••` in the places of secrets: text, or what JSON can hold, or a dataclass of such."""
        if not self._torn and not self._whole:
            return thing
        try:
            texts = list(_texts(thing))
            masked = self._masked(texts)
            return thing if masked is None else cast(T, _rebuilt(thing, iter(masked)))
        except RecursionError:
            return cast(T, MASK)

    def _masked(self, texts: list[str]) -> list[str] | None:
        """The texts with their masks; None when there is nothing to mask."""
        if not self._may_be_in(texts):
            return None
        found = {index: _widened(texts[index], ranges) for index, ranges in self._torn_hits(texts).items()}
        for index, text in enumerate(texts):
            ranges = list(_occurrences(text, self._whole))
            if ranges:
                found.setdefault(index, []).extend(ranges)
        if not found:
            return None
        return [_with_masks(text, found[index]) if index in found else text for index, text in enumerate(texts)]

    def _may_be_in(self, texts: list[str]) -> bool:
        """Looked at as a whole first: most of what is shown holds no secret, and may be long."""
        values = "".join(text for text in texts if not isinstance(text, _Key))
        names = {text for text in texts if isinstance(text, _Key)}
        squeezed = " ".join([_squeezed(values), *map(_squeezed, names)])
        raw = "\n".join([values, *names])
        if any(one in squeezed for one in self._torn) or any(one in raw for one in self._whole):
            return True
        return _GAP.search(squeezed) is not None

    def _torn_hits(self, texts: list[str]) -> dict[int, list[Range]]:
        """Values are searched as one; between two of them may stand keys, which are searched each for itself."""
        hits = {
            index: list(_occurrences(_squeezed(text), self._torn))
            for index, text in enumerate(texts)
            if isinstance(text, _Key)
        }
        squeezed = ["" if isinstance(text, _Key) else _squeezed(text) for text in texts]
        starts = [0, *accumulate(map(len, squeezed))]
        for start, end in _occurrences("".join(squeezed), self._torn):
            for index in range(bisect_right(starts, start) - 1, bisect_left(starts, end)):
                first, last = max(start, starts[index]), min(end, starts[index + 1])
                if first < last:
                    hits.setdefault(index, []).append((first - starts[index], last - starts[index]))
        for index, text in enumerate(squeezed):
            hits.setdefault(index, []).extend(_fragments(text, self._torn))
        return {index: ranges for index, ranges in hits.items() if ranges}


def refuse_secrets(redact: Callable[[str], str], name: str, what: str) -> None:
    """For names that are kept in the open: masked, two of them would be one."""
    if redact(name) != name:
        raise HostError("INVALID_INPUT", f"{what} must not hold a secret: take sdk.crypto.hash() of it")


def _shapes(value: str) -> Iterator[str]:
    yield from _encodings(value)
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= LONG_ENOUGH_ALONE)
    yield from _json_members(value)


def _encodings(value: str) -> Iterator[str]:
    yield from (value, value.lower(), value.upper())  # host names and headers change the case
    for ascii_only in (False, True):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    raw = value.encode("utf-8", "replace")
    for escaped in (quote(raw, ""), quote(raw), quote(raw, "!*'()"), quote(raw, _LEFT_BY_ENCODE_URI), quote_plus(raw)):
        yield escaped
        yield re.sub("%..", lambda match: match[0].lower(), escaped)
    yield from (raw.hex(), raw.hex().upper())
    yield from _base64_shapes(raw)


def _base64_shapes(raw: bytes) -> Iterator[str]:
    """What base64 makes of the bytes at each of the three places they can stand in it, without the ends they share."""
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(bytes(before) + raw).decode()
        shape = text[shared : (before + len(raw)) * 8 // 6]
        if len(shape) >= LONG_ENOUGH_TO_TEAR:
            yield shape
            yield shape.translate(str.maketrans("+/", "-_"))


def _json_members(value: str) -> Iterator[str]:
    """The long texts of a secret that is a JSON document, such as the key file of a cloud service."""
    if not value.lstrip().startswith(("{", "[")):
        return
    try:
        texts = list(_texts(json.loads(value)))
    except (ValueError, RecursionError):
        return
    for text in texts:
        if len(text) >= LONG_ENOUGH_ALONE:
            yield from _encodings(text)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _occurrences(text: str, needles: Iterable[str]) -> Iterator[Range]:
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = text.find(needle, at + len(needle))


def _fragments(text: str, needles: Sequence[str]) -> Iterator[Range]:
    """Where a text was shortened, the beginning of a secret may be left before the gap, its end after it, or its middle between two.

    Texts and secrets may be long and alike, and a script decides how many gaps there are, so nothing here tries every length.
    """
    gaps = [gap.span() for gap in _GAP.finditer(text)]
    if not gaps:
        return
    starts, ends = [start for start, _ in gaps], [end for _, end in gaps]
    for needle in needles:
        yield from _beginnings(text, needle, starts)
        yield from _ends(text, needle, ends)
    for between in islice(_BETWEEN_GAPS.finditer(text), _MOST_BETWEEN_GAPS):
        if any(between[1] in needle for needle in needles):
            yield between.span(1)


def _beginnings(text: str, needle: str, gap_starts: Sequence[int]) -> Iterator[Range]:
    head = needle[:LONG_ENOUGH_TO_TEAR]
    at = text.find(head)
    while at >= 0:
        next_gap = bisect_left(gap_starts, at + len(head))
        if next_gap == len(gap_starts):
            return
        gap = gap_starts[next_gap]
        is_hit = gap - at < len(needle) and text.startswith(needle[: gap - at], at)
        if is_hit:
            yield at, gap
        at = text.find(head, gap if is_hit else at + 1)


def _ends(text: str, needle: str, gap_ends: Sequence[int]) -> Iterator[Range]:
    tail = needle[-LONG_ENOUGH_TO_TEAR:]
    at = text.find(tail, gap_ends[0])
    while at >= 0:
        gap, end = gap_ends[bisect_right(gap_ends, at) - 1], at + len(tail)
        if end - gap < len(needle) and text.startswith(needle[gap - end :], gap):
            yield gap, end
        at = text.find(tail, at + 1)


def _widened(text: str, ranges: Iterable[Range]) -> list[Range]:
    """Ranges of the text without white space, as ranges of the text itself."""
    runs = [match.span() for match in _RUN.finditer(text)]
    before = [0, *accumulate(end - start for start, end in runs)]

    def place(position: int) -> int:
        run = bisect_right(before, position) - 1
        return runs[run][0] + position - before[run]

    return [(place(start), place(end - 1) + 1) for start, end in ranges]


def _with_masks(text: str, ranges: Iterable[Range]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in sorted(ranges):
        if start > at or not parts:
            parts += [text[at:start], MASK]
        at = max(at, end)
    return "".join([*parts, text[at:]])


def _texts(thing: Any) -> Iterator[str]:
    """Every text in a thing, in the order in which it is shown; a number is the text of its digits."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, Mapping):
        for key, value in thing.items():
            yield _Key(key)
            yield from _texts(value)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from _texts(value)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from _texts(getattr(thing, field.name))
    elif _is_number(thing):
        yield str(thing)


def _rebuilt(thing: Any, masked: Iterator[str]) -> Any:
    """The thing again, with the texts that `_texts` gave replaced in the same order."""
    if isinstance(thing, str):
        return next(masked)
    if isinstance(thing, Mapping):
        return {str(next(masked)): _rebuilt(value, masked) for _, value in thing.items()}
    if isinstance(thing, list | tuple):
        return type(thing)([_rebuilt(value, masked) for value in thing])
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{field.name: _rebuilt(getattr(thing, field.name), masked) for field in fields(thing)})
    if _is_number(thing):
        text = next(masked)
        return thing if text == str(thing) else text
    return thing


def _is_number(thing: Any) -> bool:
    return isinstance(thing, int | float) and not isinstance(thing, bool)
