"""What becomes of the slots that came due: which one runs, which one waits, and why the others do not. Asks no database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.schedule import Schedule
from models.script import Script
from services import schedule_times
from services.cron.parse import Cron, parse
from services.cron.times import REPEAT, Slot

GRACE = timedelta(seconds=60)  # later than this a slot was missed, and the misfire policy speaks


@dataclass(frozen=True)
class Verdict:
    """What became of a slot: `reason` says why it was skipped; without one it runs, now or (`waits`) after the last run."""

    slot: datetime
    reason: str = ""
    waits: bool = False

    @property
    def runs_now(self) -> bool:
        return not self.reason and not self.waits


@dataclass(frozen=True)
class Due:
    schedule: Schedule
    script: Script
    tenant_is_active: bool


def judge(due: Due, slots: Sequence[Slot], now: datetime, *, is_going: bool, has_waiting: bool) -> list[Verdict]:
    schedule = due.schedule
    newest = _newest(schedule, slots[-1], is_going=is_going, has_waiting=has_waiting)
    found = [Verdict(slot.at, reason) for slot, reason in _missed(due, slots, now, another_runs=not newest.reason)]
    if len(found) < len(slots):
        found.append(newest)
    return [*found, *_second_showings(schedule, slots)]


def let_go(due: Due, slots: Sequence[Slot], now: datetime, *, paused: bool) -> list[Verdict]:
    """None of them runs, for the schedule was paused, or its days were changed, before anybody saw that they were due."""

    def reason(slot: Slot) -> str:
        return standing_reason(due) or ("paused" if paused and not _is_late(due.schedule, slot, now) else "misfire")

    return [*(Verdict(slot.at, reason(slot)) for slot in slots), *_second_showings(due.schedule, slots)]


def _missed(due: Due, slots: Sequence[Slot], now: datetime, *, another_runs: bool) -> Iterator[tuple[Slot, str]]:
    """The slots that do not run, whatever else goes on. The newest of all may: then it is not among them."""
    schedule = due.schedule
    standing = standing_reason(due)
    if standing:
        yield from ((slot, standing) for slot in slots)
        return
    # One run stands for all the missed ones, or they are let go.
    stood_for = another_runs and schedule.misfire == "once"
    yield from ((slot, "down" if stood_for else "misfire") for slot in slots[:-1])
    if schedule.misfire == "skip" and _is_late(schedule, slots[-1], now):
        yield slots[-1], "misfire"


def _is_late(schedule: Schedule, slot: Slot, now: datetime) -> bool:
    return slot.at + schedule_times.delay(schedule) < now - GRACE


def standing_reason(due: Due) -> str:
    if not (due.script.enabled and due.tenant_is_active):
        return "disabled"
    return "" if due.schedule.enabled else "paused"


def _newest(schedule: Schedule, slot: Slot, *, is_going: bool, has_waiting: bool) -> Verdict:
    if schedule.overlap == "allow" or not (is_going or has_waiting):
        return Verdict(slot.at)
    if schedule.overlap == "queue" and not has_waiting:
        return Verdict(slot.at, waits=True)
    return Verdict(slot.at, "overlap")


def _second_showings(schedule: Schedule, slots: Sequence[Slot]) -> list[Verdict]:
    """A time that the clock shows twice came due the first time; the ledger says so of the second."""
    expression = parse(schedule.cron)
    if not isinstance(expression, Cron) or expression.all_day_long:
        return []
    zone = ZoneInfo(schedule.timezone)
    return [Verdict(slot.wall.replace(tzinfo=zone, fold=1), "clock_change") for slot in slots if slot.mark == REPEAT]
