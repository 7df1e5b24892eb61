"""Two texts line by line, side by side, with the changed words marked and long equal stretches set apart."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

CONTEXT = 3
FEWEST_FOLDED = 2
LONGEST_COMPARED_LINE = 500
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Side:
    """One line of one text: its number, and its pieces, each with whether it changed."""

    number: int
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Row:
    old: Side | None
    new: Side | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that follow one another; `folded` ones are equal and far from any change."""

    rows: tuple[Row, ...]
    folded: bool = False


def side_by_side(old: str, new: str) -> list[Stretch]:
    """Equal texts are one folded stretch."""
    rows = list(_rows(old.splitlines(), new.splitlines()))
    near = {
        beside
        for at, row in enumerate(rows)
        if row.changed
        for beside in range(at - CONTEXT, at + CONTEXT + 1)
    }  # fmt: skip
    return [stretch for stretch in _stretches(rows, near) if stretch.rows]


def lines_changed(old: str, new: str) -> tuple[int, int]:
    """How many lines were added, and how many removed."""
    changed = [row for row in _rows(old.splitlines(), new.splitlines()) if row.changed]
    return sum(row.new is not None for row in changed), sum(row.old is not None for row in changed)


def _stretches(rows: list[Row], near: set[int]) -> Iterator[Stretch]:
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or (at in near) != (start in near):
            yield Stretch(tuple(rows[start:at]), folded=start not in near and at - start >= FEWEST_FOLDED)
            start = at


def _rows(old: list[str], new: list[str]) -> Iterator[Row]:
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new).get_opcodes():
        for before, after in zip_longest(range(old_from, old_to), range(new_from, new_to)):
            if kind == "equal":
                pieces = ((old[before], False),)
                yield Row(Side(before + 1, pieces), Side(after + 1, pieces), changed=False)
            elif before is None or after is None:
                yield Row(_whole(old, before), _whole(new, after), changed=True)
            else:
                old_pieces, new_pieces = _words(old[before], new[after])
                yield Row(Side(before + 1, old_pieces), Side(after + 1, new_pieces), changed=True)


def _whole(lines: list[str], at: int | None) -> Side | None:
    return None if at is None else Side(at + 1, ((lines[at], False),))


def _words(old: str, new: str) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
    """Both lines in pieces; lines that have little in common are not picked apart."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if max(len(old), len(new)) > LONGEST_COMPARED_LINE or matcher.ratio() < 0.4:
        return ((old, False),), ((new, False),)
    codes = matcher.get_opcodes()
    return (
        tuple(("".join(before[i1:i2]), kind != "equal") for kind, i1, i2, _j1, _j2 in codes if i2 > i1),
        tuple(("".join(after[j1:j2]), kind != "equal") for kind, _i1, _i2, j1, j2 in codes if j2 > j1),
    )
