"""The paths that endpoints answer at: `orders/:id`. How they are written, which of them meet, and what an address says.

Segments are literal (`orders`) or stand for anything (`:id`). The shape of a path has every `:name` as a bare colon; two
paths of one shape answer the same addresses, so the database holds each shape once per method.
"""

import re
from collections.abc import Sequence
from itertools import product
from urllib.parse import unquote_to_bytes

from services.errors import Invalid

LONGEST = 200
# Each more doubles the shapes that an address may have.
MOST_SEGMENTS = 8
LONGEST_VALUE = 500

_LITERAL = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_PARAMETER = re.compile(r":[A-Za-z_][A-Za-z0-9_]{0,39}")
_CONTROL = re.compile("[\0-\x1f\x7f]")


def check(value: object) -> str:
    """As it is kept: without slashes at its ends."""
    if not isinstance(value, str):
        raise Invalid("This must be text.", field="path")
    path = value.strip().strip("/")
    if not 1 <= len(path) <= LONGEST:
        raise Invalid("A path has 1 to %(most)s characters.", field="path", most=LONGEST)
    segments = path.split("/")
    if len(segments) > MOST_SEGMENTS:
        raise Invalid("A path has at most %(most)s parts.", field="path", most=MOST_SEGMENTS)
    for segment in segments:
        _check_segment(segment)
    named = names(path)
    if len(set(named)) != len(named):
        raise Invalid("Each :name stands in a path once.", field="path")
    return path


def _check_segment(segment: str) -> None:
    if segment in (".", "..") or not (_LITERAL.fullmatch(segment) or _PARAMETER.fullmatch(segment)):
        raise Invalid(
            "“%(part)s” cannot be part of a path: write letters a–z, digits, “-”, “.”, “_”, “~”, or :name for what may change.",
            field="path", part=segment[:50],
        )  # fmt: skip


def names(path: str) -> list[str]:
    return [segment[1:] for segment in path.split("/") if segment.startswith(":")]


def shape(path: str) -> str:
    return "/".join(":" if segment.startswith(":") else segment for segment in path.split("/"))


def decoded(address: str) -> list[str] | None:
    """The segments of an address as it was sent, or None where no endpoint can be meant.

    It is split before it is decoded: a %2F is part of a value and never a slash. One slash at the end is forgiven.
    """
    segments = [_text(segment) for segment in address.removesuffix("/").split("/")]
    if any(segment is None for segment in segments):
        return None
    return [segment for segment in segments if segment is not None]


def _text(segment: str) -> str | None:
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return None
    is_plain = text not in ("", ".", "..") and len(text) <= LONGEST_VALUE and not _CONTROL.search(text)
    return text if is_plain else None


def shapes(segments: Sequence[str]) -> list[str]:
    """Every shape that such an address may have, the most literal first: `orders/new` goes before `orders/:id`."""
    if not 1 <= len(segments) <= MOST_SEGMENTS:
        return []
    # A slash inside a value would make two segments of it.
    choices = [(segment, ":") if "/" not in segment and segment != ":" else (":",) for segment in segments]
    return ["/".join(chosen) for chosen in product(*choices)]


def values(path: str, segments: Sequence[str]) -> dict[str, str]:
    """What stands where the path has names."""
    return {part[1:]: segment for part, segment in zip(path.split("/"), segments, strict=True) if part.startswith(":")}
