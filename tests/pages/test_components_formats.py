"""Values as the reader writes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from blueprints import formats

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_tashkent() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app, timezone_selector=lambda: "Asia/Tashkent")
    with app.test_request_context():
        yield


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=4), "4 min. ago"),
        (timedelta(hours=3), "3 hr. ago"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=10), "11 Nov 17:00"),
        (timedelta(minutes=-5), "in 5 min."),
        (timedelta(seconds=-5), "in a moment"),
    ],
)
def test_it_says_how_long_ago(ago: timedelta, words: str) -> None:
    assert formats.relative(NOW - ago, NOW) == words


def test_it_counts_days_where_the_reader_is() -> None:
    # 20:30 UTC is already tomorrow in Tashkent.
    assert formats.moment(datetime(2026, 11, 20, 20, 30, tzinfo=UTC), NOW) == "today 01:30"
    assert formats.moment(datetime(2026, 11, 20, 18, 30, tzinfo=UTC), NOW) == "yesterday 23:30"


def test_it_takes_a_time_without_zone_for_utc() -> None:
    assert formats.clock(datetime(2026, 11, 21, 12, 0)) == "17:00"
    assert formats.iso(datetime(2026, 11, 21, 12, 0)) == "2026-11-21T12:00:00.000Z"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"), (412, "412 ms"), (2104, "2.10 s"), (30_000, "30.0 s"), (72_000, "1 min 12 s"), (60_000, "1 min"),
        (3_900_000, "1 h 5 min"), (90_000_000, "1 d 1 h"), (None, "—"),
    ],
)  # fmt: skip
def test_it_writes_durations_with_two_units_at_most(milliseconds: int | None, words: str) -> None:
    assert formats.duration(milliseconds).replace("\u00a0", " ") == words


@pytest.mark.parametrize(("size", "words"), [(12, "12 B"), (4200, "4.1 KB"), (134_217_728, "128 MB"), (None, "—")])
def test_it_writes_sizes(size: int | None, words: str) -> None:
    assert formats.byte_size(size).replace("\u00a0", " ") == words


def test_it_follows_the_language() -> None:
    with force_locale("ru"):
        assert formats.number(14866.5) == "14\u00a0866,5"
        assert formats.percent(0.9642) == "96,4%"
        assert formats.relative(NOW - timedelta(minutes=4), NOW) == "4 мин. назад"
    with force_locale("uz"):
        assert formats.relative(NOW - timedelta(minutes=4), NOW) == "4 daqiqa oldin"


def test_it_keeps_letters_in_json() -> None:
    assert formats.as_json({"name": "Навруз", "oʻ": None}) == '{"name": "Навруз", "oʻ": null}'


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (3, 5), (17, 20), (374, 500), (1000, 1000), (1001, 2000)])
def test_it_ends_an_axis_at_a_round_number(highest: int, top: int) -> None:
    assert formats.axis_top(highest) == top
