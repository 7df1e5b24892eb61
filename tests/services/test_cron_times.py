"""When expressions come due: on ordinary days, and where clocks leave time out or show it twice."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cron.parse import Cron, parse
from services.cron.times import change_between, next_time, slots

# zone, expression, from (on that zone's clock), the next times on that zone's clock with their marks
CLOCK_CHANGES = [
    # Berlin 2026: 29 March 02:00 → 03:00, 25 October 03:00 → 02:00
    ("Europe/Berlin", "30 2 * * *", "2026-03-27T12:00", ["03-28 02:30 +1", "03-29 03:00 +2 gap", "03-30 02:30 +2"]),
    ("Europe/Berlin", "0 3 * * *", "2026-03-28T12:00", ["03-29 03:00 +2", "03-30 03:00 +2"]),
    ("Europe/Berlin", "30 2,3 * * *", "2026-03-28T12:00", ["03-29 03:00 +2 gap", "03-29 03:30 +2", "03-30 02:30 +2"]),
    ("Europe/Berlin", "0,20,40 2 * * *", "2026-03-28T12:00", ["03-29 03:00 +2 gap", "03-30 02:00 +2"]),
    ("Europe/Berlin", "0 2,3 * * *", "2026-03-28T12:00", ["03-29 03:00 +2 gap", "03-30 02:00 +2"]),
    ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", ["10-25 02:30 +2 repeat", "10-26 02:30 +1"]),
    ("Europe/Berlin", "*/30 2 * * *", "2026-10-24T12:00", ["10-25 02:00 +2 repeat", "10-25 02:30 +2 repeat", "10-26 02:00 +1"]),
    ("Europe/Berlin", "30 * * * *", "2026-03-29T01:00", ["03-29 01:30 +1", "03-29 03:30 +2"]),
    ("Europe/Berlin", "30 * * * *", "2026-10-25T02:00", ["10-25 02:30 +2", "10-25 02:30 +1 repeat", "10-25 03:30 +1"]),
    ("Europe/Berlin", "0 0 25 10 *", "2026-01-01T00:00", ["10-25 00:00 +2", "10-25 00:00 +2"]),
    # New York 2026: 8 March 02:00 → 03:00, 1 November 02:00 → 01:00
    ("America/New_York", "15 2 * * *", "2026-03-07T12:00", ["03-08 03:00 -4 gap", "03-09 02:15 -4"]),
    ("America/New_York", "30 1 * * *", "2026-10-31T12:00", ["11-01 01:30 -4 repeat", "11-02 01:30 -5"]),
    ("America/New_York", "0 9 * * 0", "2026-03-01T12:00", ["03-08 09:00 -4", "03-15 09:00 -4"]),
    # Lord Howe 2026 moves by half an hour: 5 April 02:00 → 01:30, 4 October 02:00 → 02:30
    ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00", ["10-04 02:30 +11 gap", "10-05 02:15 +11"]),
    ("Australia/Lord_Howe", "30 2 * * *", "2026-10-03T12:00", ["10-04 02:30 +11", "10-05 02:30 +11"]),
    ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00", ["04-05 01:45 +11 repeat", "04-06 01:45 +10.5"]),
    ("Australia/Lord_Howe", "15 1 * * *", "2026-04-04T12:00", ["04-05 01:15 +11", "04-06 01:15 +10.5"]),
    ("Australia/Lord_Howe", "*/15 * * * *", "2026-04-05T01:40",
     ["04-05 01:45 +11", "04-05 01:30 +10.5 repeat", "04-05 01:45 +10.5 repeat", "04-05 02:00 +10.5"]),
    ("Australia/Lord_Howe", "*/20 * * * *", "2026-10-04T01:30", ["10-04 01:40 +10.5", "10-04 02:40 +11", "10-04 03:00 +11"]),
    # Tashkent has not moved its clocks since 1991, and did so before: 1 April 1990 00:00 → 01:00, 30 September 03:00 → 02:00
    ("Asia/Tashkent", "30 2 * * *", "2026-03-28T12:00", ["03-29 02:30 +5", "03-30 02:30 +5"]),
    ("Asia/Tashkent", "30 2 * * *", "2026-10-24T12:00", ["10-25 02:30 +5", "10-26 02:30 +5"]),
    # São Paulo moved them until 2019: 4 November 2018 00:00 → 01:00, 17 February 2019 00:00 → 23:00 the day before
    ("America/Sao_Paulo", "0 0 * * *", "2018-11-02T12:00", ["11-03 00:00 -3", "11-04 01:00 -2 gap", "11-05 00:00 -2"]),
    ("America/Sao_Paulo", "30 23 * * *", "2019-02-15T12:00", ["02-15 23:30 -2", "02-16 23:30 -2 repeat", "02-17 23:30 -3"]),
    ("America/Sao_Paulo", "0 0 * * *", "2019-11-02T12:00", ["11-03 00:00 -3", "11-04 00:00 -3"]),
    # Apia left out a whole day when it crossed the date line: no 30 December 2011
    ("Pacific/Apia", "0 12 30 12 *", "2011-06-01T00:00", ["12-31 00:00 +14 gap", "12-30 12:00 +14"]),
]  # fmt: skip


def told(slot, zone):
    local = slot.at.astimezone(zone)
    hours = f"{local.utcoffset() / timedelta(hours=1):+g}"
    return f"{local:%m-%d %H:%M} {hours} {slot.mark}".strip()


@pytest.mark.parametrize(("zone", "text", "start", "expected"), CLOCK_CHANGES)
def test_a_gap_is_run_once_after_it_and_a_repeated_time_once(zone, text, start, expected):
    zone = ZoneInfo(zone)
    after = datetime.fromisoformat(start).replace(tzinfo=zone)
    assert [told(slot, zone) for slot in islice(slots(parse(text), zone, after), len(expected))] == expected


def test_a_start_within_the_second_showing_does_not_run_again():
    zone = ZoneInfo("Europe/Berlin")
    second_showing = datetime(2026, 10, 25, 2, 10, tzinfo=zone, fold=1)
    assert next_time(parse("30 2 * * *"), zone, second_showing) == datetime(2026, 10, 26, 2, 30, tzinfo=zone)


def test_a_rhythm_of_minutes_keeps_its_beat_over_a_clock_change():
    zone = ZoneInfo("Europe/Berlin")
    times = [
        slot.at for slot in islice(slots(parse("every 45 minutes"), zone, datetime(2026, 3, 28, 20, tzinfo=zone)), 20)
    ]
    assert {after - before for before, after in pairwise(times)} == {timedelta(minutes=45)}


def test_a_clock_change_is_found_to_the_second():
    change = change_between(
        ZoneInfo("Europe/Berlin"), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    )
    assert change.at == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert (change.wall_before, change.wall_after) == (datetime(2026, 3, 29, 2), datetime(2026, 3, 29, 3))
    assert (
        change_between(ZoneInfo("Asia/Tashkent"), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
        is None
    )


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("0 0 L * *", ["2027-01-31", "2027-02-28", "2027-03-31"]),
        ("0 0 LW * *", ["2027-01-29", "2027-02-26", "2027-03-31"]),
        ("0 0 * * MON#1", ["2027-01-04", "2027-02-01", "2027-03-01"]),
        ("0 0 * * FRI#5", ["2027-01-29", "2027-04-30", "2027-07-30"]),
        ("0 0 * * 5L", ["2027-01-29", "2027-02-26", "2027-03-26"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 13 * 5", ["2027-01-01", "2027-01-08", "2027-01-13"]),  # either day field is enough
        ("0 0 */13 * 5", ["2027-01-01", "2027-05-14", "2027-08-27"]),  # a star only narrows
        ("0 0 31 * *", ["2027-01-31", "2027-03-31", "2027-05-31"]),
    ],
)
def test_the_days_of_a_month_are_found(text, dates):
    found = islice(slots(parse(text), ZoneInfo("UTC"), datetime(2026, 12, 31, 12, tzinfo=UTC)), 3)
    assert [slot.at.date().isoformat() for slot in found] == dates


def test_elapsed_time_minds_the_clock_changes_between_the_next_one_and_a_distant_time():
    zone = ZoneInfo("Australia/Lord_Howe")
    a_day_before_winter = datetime(2027, 4, 3, 3, tzinfo=UTC)
    first = next_time(parse("*/30 * 1 1 *"), zone, a_day_before_winter)
    assert first.astimezone(zone).isoformat() == "2028-01-01T00:00:00+11:00"


_ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tashkent", "America/Sao_Paulo", "UTC"]
)
_INSTANTS = st.datetimes(datetime(1985, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


def _field(low, high):
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    return st.one_of(st.just("*"), number.map(str), span, st.integers(1, 20).map(lambda step: f"*/{step}"))


_EXPRESSIONS = st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 6)).map(" ".join)


@given(_EXPRESSIONS, _ZONES, _INSTANTS)
@settings(max_examples=300, deadline=None)
def test_the_next_time_is_later_and_fits_the_fields_and_nothing_lies_between(text, zone, after):
    cron, zone = parse(text), ZoneInfo(zone)
    assert isinstance(cron, Cron)
    first, second = islice(slots(cron, zone, after), 2)
    assert after < first.at < second.at
    for slot in (first, second):
        assert slot.wall.minute in cron.minutes and slot.wall.hour in cron.hours and slot.wall.month in cron.months
        assert cron.falls_on(slot.wall.date())
        local = slot.at.astimezone(zone)
        assert (local.replace(tzinfo=None) == slot.wall) != (slot.mark == "gap")
        assert local.second == 0 or slot.at.year < 1990
    # Asked again from any instant between the two, the answer is the second.
    between = first.at + (second.at - first.at) / 3
    assert next_time(cron, zone, between) == second.at


_CLOCKS_CHANGE = st.sampled_from(
    [
        ("Europe/Berlin", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "2026-10-25T01:00Z"),
        ("America/New_York", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01T06:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
        ("Asia/Tashkent", "1990-03-31T18:00Z"),
        ("America/Sao_Paulo", "2018-11-04T03:00Z"),
        ("America/Sao_Paulo", "2019-02-17T02:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00Z"),
    ]
)


def minute_by_minute(cron, zone, after, end):
    """Slow and plain: whoever watches the clock and runs when it shows a time, or has jumped over one, for the first time."""
    latest, found, at = after.astimezone(zone).replace(tzinfo=None), [], after
    while at < end:
        at += timedelta(minutes=1)
        shown = at.astimezone(zone).replace(tzinfo=None)
        passed = (shown - latest) // timedelta(minutes=1)
        new = [shown] if cron.all_day_long else [shown - timedelta(minutes=ago) for ago in range(passed)]
        if any(wall.minute in cron.minutes and wall.hour in cron.hours and cron.falls_on(wall) for wall in new):
            found.append(at)
        latest = max(latest, shown)
    return found


@given(st.tuples(_field(0, 59), _field(0, 23)).map(" ".join), _CLOCKS_CHANGE)
@settings(max_examples=100, deadline=None)
def test_around_clock_changes_a_watcher_of_the_clock_agrees(text, change):
    cron, zone, at = parse(f"{text} * * *"), ZoneInfo(change[0]), datetime.fromisoformat(change[1])
    after, end = at - timedelta(hours=12), at + timedelta(hours=12)
    ours = takewhile(lambda slot: slot.at <= end, slots(cron, zone, after))
    assert [slot.at for slot in ours] == minute_by_minute(cron, zone, after, end)


@given(_EXPRESSIONS, _INSTANTS)
@settings(max_examples=150, deadline=None)
def test_where_clocks_never_change_another_reader_of_cron_agrees(text, after):
    theirs = islice(CronSim(text, after), 5)
    assert [slot.at for slot in islice(slots(parse(text), ZoneInfo("UTC"), after), 5)] == list(theirs)


@given(_ZONES, _INSTANTS, st.integers(1, 10_000))
def test_a_rhythm_comes_within_its_period(zone, after, minutes):
    at = next_time(parse(f"every {minutes} minutes"), ZoneInfo(zone), after)
    assert (
        after < at <= after + timedelta(days=1) if minutes <= 1440 else after < at <= after + timedelta(minutes=minutes)
    )
