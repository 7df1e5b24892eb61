"""Zones as lists show them."""

from datetime import UTC, datetime, timedelta

import pytest

from services import zones

WINTER = datetime(2027, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(("name", "label"), [
    ("Asia/Tashkent", "Asia/Tashkent (UTC+5)"), ("America/St_Johns", "America/St_Johns (UTC−3:30)"),
    ("Asia/Kathmandu", "Asia/Kathmandu (UTC+5:45)"), ("Europe/London", "Europe/London (UTC+0)"), ("UTC", "UTC"),
    ("Etc/GMT+5", "Etc/GMT+5 (UTC−5)"), ("Pacific/Kiritimati", "Pacific/Kiritimati (UTC+14)"),
])  # fmt: skip
def test_each_is_shown_with_its_offset(name: str, label: str) -> None:
    assert dict(zones.labels(WINTER))[name] == label


def test_they_stay_sorted_by_name() -> None:
    assert [name for name, _ in zones.labels(WINTER)] == sorted(zones.names())


@pytest.mark.parametrize(("name", "change", "before", "after"), [
    ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC), "UTC+1", "UTC+2"),
    ("America/New_York", datetime(2027, 11, 7, 6, tzinfo=UTC), "UTC−4", "UTC−5"),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC), "UTC+11", "UTC+10:30"),
])  # fmt: skip
def test_an_offset_changes_with_its_clocks(name: str, change: datetime, before: str, after: str) -> None:
    for at, offset in ((change - timedelta(seconds=1), before), (change, after), (change - timedelta(days=1), before)):
        assert dict(zones.labels(at))[name] == f"{name} ({offset})"


def test_they_are_made_once_and_not_each_time_they_are_shown() -> None:
    assert zones.labels(WINTER) is zones.labels(WINTER + timedelta(minutes=14))
