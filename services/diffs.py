"""Two texts line by line, and two sets of settings one by one. Every comparison ends soon: what is too tangled counts as replaced."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice, zip_longest

CONTEXT = 3
FEWEST_FOLDED = 2
MOST_ROWS = 6_000  # of one comparison: no page shows more
LONGEST_COMPARED_LINE = 500
# What difflib may try: pairs of equal lines in one block, and pairs of words in all changed lines together.
MOST_LINE_PAIRS = 50_000
MOST_WORD_PAIRS = 4_000_000

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
Pieces = tuple[tuple[str, bool], ...]
Block = tuple[int, int, int, int]  # from and to in the old lines, from and to in the new ones


@dataclass(frozen=True, slots=True)
class Side:
    """One line of one text: its number, and its pieces, each with whether it changed."""

    number: int
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Row:
    old: Side | None
    new: Side | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the one-column view; `change` is "", "added" or "removed"."""

    change: str
    old: int | None
    new: int | None
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that follow one another; `folded` ones are equal and far from any change."""

    rows: tuple[Row, ...]
    folded: bool = False

    @property
    def lines(self) -> Iterator[Line]:
        """One below the other: what went, then what came."""
        pending: list[Line] = []
        for row in self.rows:
            if row.changed and row.old:
                yield Line("removed", row.old.number, None, row.old.pieces)
            if row.changed and row.new:
                pending.append(Line("added", None, row.new.number, row.new.pieces))
            if not row.changed and row.old and row.new:
                yield from pending
                pending.clear()
                yield Line("", row.old.number, row.new.number, row.old.pieces)
        yield from pending


@dataclass(frozen=True, slots=True)
class Diff:
    stretches: tuple[Stretch, ...]
    added: int
    removed: int
    rows_left_out: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed)


def compare(old: str, new: str) -> Diff:
    before, after = _lines(old), _lines(new)
    blocks = list(_changed_blocks(before, after))
    added, removed = _counts(blocks)
    rows = list(islice(_rows(before, after, blocks), MOST_ROWS))
    total = len(before) + sum(max(0, (n2 - n1) - (o2 - o1)) for o1, o2, n1, n2 in blocks)
    return Diff(tuple(_stretches(rows)), added, removed, rows_left_out=total - len(rows))


def lines_changed(old: str, new: str) -> tuple[int, int]:
    """How many lines were added, and how many removed."""
    return _counts(list(_changed_blocks(_lines(old), _lines(new))))


def _counts(blocks: list[Block]) -> tuple[int, int]:
    return sum(block[3] - block[2] for block in blocks), sum(block[1] - block[0] for block in blocks)


def _lines(text: str) -> list[str]:
    """As editors count them: other separators that Python knows do not end a line."""
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


# --- which lines changed --------------------------------------------------------------------------


def _changed_blocks(old: list[str], new: list[str]) -> Iterator[Block]:
    """Lines that occur once in both texts hold the comparison together; what lies between is small, or replaced."""
    todo: list[Block] = [(0, len(old), 0, len(new))]
    while todo:
        block = _trimmed(old, new, todo.pop())
        if block[0] == block[1] or block[2] == block[3]:
            if block[0] < block[1] or block[2] < block[3]:
                yield block
            continue
        anchors = _anchors(old, new, block)
        if anchors:
            todo += reversed(list(_between(block, anchors)))  # in order, whatever their number
        else:
            yield from _compared(old, new, block)


def _trimmed(old: list[str], new: list[str], block: Block) -> Block:
    o1, o2, n1, n2 = block
    while o1 < o2 and n1 < n2 and old[o1] == new[n1]:
        o1, n1 = o1 + 1, n1 + 1
    while o1 < o2 and n1 < n2 and old[o2 - 1] == new[n2 - 1]:
        o2, n2 = o2 - 1, n2 - 1
    return o1, o2, n1, n2


def _anchors(old: list[str], new: list[str], block: Block) -> list[tuple[int, int]]:
    """Pairs of lines found once on each side, as many as keep their order (patience diff)."""
    o1, o2, n1, n2 = block
    once_old = {line for line, count in Counter(old[o1:o2]).items() if count == 1}
    once_new = {line for line, count in Counter(new[n1:n2]).items() if count == 1}
    place = {new[at]: at for at in range(n1, n2) if new[at] in once_new}
    pairs = [(at, place[old[at]]) for at in range(o1, o2) if old[at] in once_old and old[at] in place]
    return _longest_rising(pairs)


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_old, new) in enumerate(pairs):
        pile = bisect_left(tops, new)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [new]
        ends[pile : pile + 1] = [index]
    chain, at = [], ends[-1] if ends else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _between(block: Block, anchors: list[tuple[int, int]]) -> Iterator[Block]:
    o1, o2, n1, n2 = block
    for old_at, new_at in anchors:
        yield o1, old_at, n1, new_at
        o1, n1 = old_at + 1, new_at + 1
    yield o1, o2, n1, n2


def _compared(old: list[str], new: list[str], block: Block) -> Iterator[Block]:
    o1, o2, n1, n2 = block
    here, there = Counter(old[o1:o2]), Counter(new[n1:n2])
    pairs = sum(count * there[line] for line, count in here.items())
    if not 0 < pairs <= MOST_LINE_PAIRS:
        yield block
        return
    matcher = SequenceMatcher(None, old[o1:o2], new[n1:n2], autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind != "equal":
            yield o1 + i1, o1 + i2, n1 + j1, n1 + j2


# --- rows, words, folding -------------------------------------------------------------------------


def _rows(old: list[str], new: list[str], blocks: list[Block]) -> Iterator[Row]:
    words = _Words()
    old_at = new_at = 0
    for o1, o2, n1, n2 in [*blocks, (len(old), len(old), len(new), len(new))]:
        for before, after in zip(range(old_at, o1), range(new_at, n1), strict=True):
            pieces = ((old[before], False),)
            yield Row(Side(before + 1, pieces), Side(after + 1, pieces), changed=False)
        for gone, come in zip_longest(range(o1, o2), range(n1, n2)):
            if gone is None or come is None:
                yield Row(_whole(old, gone), _whole(new, come), changed=True)
            else:
                old_pieces, new_pieces = words.compare(old[gone], new[come])
                yield Row(Side(gone + 1, old_pieces), Side(come + 1, new_pieces), changed=True)
        old_at, new_at = o2, n2


def _whole(lines: list[str], at: int | None) -> Side | None:
    return None if at is None else Side(at + 1, ((lines[at], False),))


class _Words:
    """Marks the words that differ, as long as there is work left to spend."""

    def __init__(self) -> None:
        self.left = MOST_WORD_PAIRS

    def compare(self, old: str, new: str) -> tuple[Pieces, Pieces]:
        """Both lines in pieces; lines that have little in common are not picked apart."""
        before, after = _WORD.findall(old[:LONGEST_COMPARED_LINE]), _WORD.findall(new[:LONGEST_COMPARED_LINE])
        self.left -= len(before) * len(after)
        if max(len(old), len(new)) > LONGEST_COMPARED_LINE or self.left < 0:
            return ((old, False),), ((new, False),)
        matcher = SequenceMatcher(None, before, after, autojunk=False)
        if matcher.ratio() < 0.4:
            return ((old, False),), ((new, False),)
        codes = matcher.get_opcodes()
        return (
            tuple(("".join(before[i1:i2]), kind != "equal") for kind, i1, i2, _j1, _j2 in codes if i2 > i1),
            tuple(("".join(after[j1:j2]), kind != "equal") for kind, _i1, _i2, j1, j2 in codes if j2 > j1),
        )


def _stretches(rows: list[Row]) -> Iterator[Stretch]:
    near = {beside for at, row in enumerate(rows) if row.changed for beside in range(at - CONTEXT, at + CONTEXT + 1)}
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or (at in near) != (start in near):
            yield Stretch(tuple(rows[start:at]), folded=start not in near and at - start >= FEWEST_FOLDED)
            start = at
