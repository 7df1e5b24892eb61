"""What a clock change within the year does to an expression's times."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.cron.ahead import Effect, next_effect
from services.cron.parse import parse

NOVEMBER, A_YEAR = datetime(2026, 11, 22, tzinfo=UTC), timedelta(days=365)
# zone, expression, what happens next, on that zone's clock
AHEAD = [
    # Berlin: 28 March 2027 02:00 → 03:00, 31 October 03:00 → 02:00
    ("Europe/Berlin", "30 2 * * *", "gap 2027-03-28 03:00: 02:30"),
    ("Europe/Berlin", "0,30 2 * * *", "gap 2027-03-28 03:00: 02:00 02:30"),
    ("Europe/Berlin", "30 2 * 10 *", "repeat 2027-10-31 02:00: 02:30"),
    ("Europe/Berlin", "0 3 * * *", None),
    ("Europe/Berlin", "30 2 * * 1-5", None),
    ("Europe/Berlin", "30 9 * * *", None),
    ("Europe/Berlin", "*/15 * * * *", None),
    ("Europe/Berlin", "0 * * * 6", None),
    ("Europe/Berlin", "every 7 minutes", None),
    ("Europe/Berlin", "every 30 minutes", None),
    ("Europe/Berlin", "every 45 minutes", "shift 2027-03-28 03:00: 02:15 03:15"),
    # New York: 14 March 2027 02:00 → 03:00, 7 November 02:00 → 01:00
    ("America/New_York", "15 2 * * 0", "gap 2027-03-14 03:00: 02:15"),
    ("America/New_York", "30 1 * * *", "repeat 2027-11-07 01:00: 01:30"),
    ("America/New_York", "0 2 14 3 *", "gap 2027-03-14 03:00: 02:00"),
    # Lord Howe moves by half an hour: 4 April 2027 02:00 → 01:30, 3 October 02:00 → 02:30
    ("Australia/Lord_Howe", "15 2 * * *", "gap 2027-10-03 02:30: 02:15"),
    ("Australia/Lord_Howe", "45 1 * * *", "repeat 2027-04-04 01:30: 01:45"),
    ("Australia/Lord_Howe", "15 1 * * *", None),
    ("Australia/Lord_Howe", "*/15 * * * *", None),
    ("Australia/Lord_Howe", "0 * * * *", "apart 2027-04-04 01:30: 01:00 02:00 = 90"),
    ("Australia/Lord_Howe", "*/20 * 3 10 *", "apart 2027-10-03 02:30: 01:40 02:40 = 30"),
    *(("Asia/Tashkent", cron, None) for cron in ("30 2 * * *", "0 0 * * *", "*/20 * * * *", "every 45 minutes")),
]  # fmt: skip


def told(effect: Effect | None) -> str | None:
    if effect is None:
        return None
    apart = f" = {effect.apart // timedelta(minutes=1)}" if effect.apart else ""
    times = " ".join(f"{time:%H:%M}" for time in effect.times)
    return f"{effect.kind} {effect.change.wall_after:%Y-%m-%d %H:%M}: {times}{apart}"


@pytest.mark.parametrize(("zone", "text", "expected"), AHEAD)
def test_the_next_clock_change_that_matters_is_found(zone: str, text: str, expected: str | None) -> None:
    assert told(next_effect(parse(text), ZoneInfo(zone), NOVEMBER, NOVEMBER + A_YEAR)) == expected


def test_what_lies_beyond_is_not_told() -> None:
    berlin, cron = ZoneInfo("Europe/Berlin"), parse("30 2 * 3 *")
    change = datetime(2027, 3, 28, 1, tzinfo=UTC)

    assert next_effect(cron, berlin, NOVEMBER, change - timedelta(seconds=1)) is None
    assert next_effect(cron, berlin, change, change + timedelta(days=300)) is None
    assert next_effect(cron, berlin, NOVEMBER, change + timedelta(seconds=1))
