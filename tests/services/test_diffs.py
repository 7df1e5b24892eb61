"""What changed between two texts and two sets of settings; and no pair of texts keeps the server busy."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.diffs import Line, compare, lines_changed
from services.setting_diffs import settings_diff


def inline(old: str, new: str) -> list[str]:
    marks = {"added": "+", "removed": "-", "": " "}
    lines = [line for stretch in compare(old, new).stretches for line in stretch.lines]
    return [marks[line.change] + "".join(text for text, _ in line.pieces) for line in lines]


def test_it_shows_what_went_and_what_came() -> None:
    assert inline("a\nb\nc\n", "a\nB\nc\nd\n") == [" a", "-b", "+B", " c", "+d"]
    assert lines_changed("a\nb\nc\n", "a\nB\nc\nd\n") == (2, 1)


def test_equal_texts_have_no_change() -> None:
    assert compare("a\nb", "a\r\nb\n").is_empty
    assert lines_changed("", "") == (0, 0)
    assert lines_changed("", "a\nb\n") == (2, 0)


def test_it_marks_the_words_that_differ() -> None:
    row = compare("const limit = 50;", "const limit = 100;").stretches[0].rows[0]
    assert row.old and row.new
    assert row.old.pieces == (("const limit = ", False), ("50", True), (";", False))
    assert row.new.pieces == (("const limit = ", False), ("100", True), (";", False))


def test_lines_with_little_in_common_are_marked_whole() -> None:
    row = compare("await sdk.http.get(url)", "return 5 // done").stretches[0].rows[0]
    assert row.old and len(row.old.pieces) == 1


def test_far_from_a_change_it_folds() -> None:
    old = "\n".join(map(str, range(40)))
    stretches = compare(old, old.replace("20", "twenty")).stretches
    assert [(stretch.folded, len(stretch.rows)) for stretch in stretches] == [(True, 17), (False, 7), (True, 16)]


def test_numbers_are_those_of_the_editor() -> None:
    lines = [line for stretch in compare("a\u2028b\nc", "a\u2028b\nd").stretches for line in stretch.lines]
    assert lines[-2:] == [Line("removed", 2, None, (("c", False),)), Line("added", None, 2, (("d", False),))]


def test_it_says_how_much_it_leaves_out() -> None:
    diff = compare("a\n" * 10, "b\n" * 10_000)
    assert (len(diff.stretches[0].rows), diff.rows_left_out, diff.added, diff.removed) == (6_000, 4_000, 10_000, 10)


def test_it_follows_a_function_that_moved_apart() -> None:
    before = "function a() {\n  return 1;\n}\n\nfunction b() {\n  return 2;\n}\n"
    after = "function a() {\n  return 1;\n}\n\nfunction c() {\n  return 3;\n}\n\nfunction b() {\n  return 2;\n}\n"
    assert lines_changed(before, after) == (4, 0)


@given(st.lists(st.sampled_from("abc{}"), max_size=30), st.lists(st.sampled_from("abc{}"), max_size=30))
@settings(max_examples=150, deadline=None)
def test_each_side_can_be_read_back(old: list[str], new: list[str]) -> None:
    rows = [row for stretch in compare("\n".join(old), "\n".join(new)).stretches for row in stretch.rows]
    read = [
        ["".join(text for text, _ in side.pieces) for row in rows if (side := getattr(row, which))]
        for which in ("old", "new")
    ]
    expected = ["\n".join(side).removesuffix("\n") for side in (old, new)]
    assert ["\n".join(side) for side in read] == expected
    assert all(row.changed or row.old.pieces == row.new.pieces for row in rows)
    numbers = [row.old.number for row in rows if row.old]
    assert numbers == list(range(1, len(numbers) + 1))


def _random_lines(alphabet: str, count: int, width: int, seed: int) -> str:
    chance = random.Random(seed)
    return "\n".join("".join(chance.choices(alphabet, k=width)) for _ in range(count))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (_random_lines("abcdefgh ", 4_000, 64, 1), _random_lines("abcdefgh ", 4_000, 64, 2)),
        (_random_lines("ab", 128_000, 1, 1), _random_lines("ab", 128_000, 1, 2)),
        ("a\n" * 128_000, "b\n" * 128_000),
        ("a\n" * 128_000, "a\n" * 100_000),
        ("a " * 128_000, "a b " * 64_000),
        (_random_lines("ab ", 600, 400, 1), _random_lines("ab ", 600, 400, 2)),
        ("\n".join(map(str, range(40_000))), "\n".join(map(str, range(39_999, -1, -1)))),
        ("x\n\n" * 60_000, "\n" * 40_000 + "y\n" * 80_000),
    ],
    ids=["all different", "two letters", "nothing shared", "shorter", "one line", "words", "reversed", "blank lines"],
)  # fmt: skip
def test_the_worst_texts_end_soon(old: str, new: str) -> None:
    began = time.monotonic()
    diff = compare(old[:262_144], new[:262_144])
    assert time.monotonic() - began < 15
    assert sum(len(stretch.rows) for stretch in diff.stretches) <= 6_000


BEFORE = {
    "parameters": [{"name": "a", "type": "string"}, {"name": "b", "type": "integer", "default": 50}],
    "limits": {"timeout_ms": 60_000, "memory_mb": 64},
    "triggers": {
        "schedules": [{"id": "1", "cron": "0 9 * * *", "timezone": "UTC"}],
        "endpoints": [],
        "subscriptions": [],
    },
    "tags": ["orders"],
}
AFTER = {
    "parameters": [{"name": "b", "type": "integer", "default": 100}, {"name": "a", "type": "string"}],
    "limits": {"timeout_ms": 30_000, "memory_mb": 64, "max_api_calls": 5},
    "triggers": {"schedules": [{"id": "1", "cron": "0 9 * * *", "timezone": "Asia/Tashkent"}],
                 "endpoints": [{"id": "2", "path": "rates"}], "subscriptions": []},
    "metadata": {},
}  # fmt: skip


def test_it_lists_settings_that_differ() -> None:
    found = [(each.area, each.name, each.kind, each.before, each.after) for each in settings_diff(BEFORE, AFTER)]
    assert found == [
        ("limits", "timeout_ms", "changed", 60_000, 30_000),
        ("limits", "max_api_calls", "added", None, 5),
        ("parameters", "b", "changed", {"default": 50}, {"default": 100}),
        ("parameters", "order", "changed", ["a", "b"], ["b", "a"]),
        ("schedules", "0 9 * * *", "changed", {"timezone": "UTC"}, {"timezone": "Asia/Tashkent"}),
        ("endpoints", "rates", "added", None, {"path": "rates"}),
    ]
    assert settings_diff(AFTER, AFTER) == []
