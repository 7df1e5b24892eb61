"""What the scheduler process does, and how often."""

from jobs.scheduler import Chore
from services import audit, dead_letters, event_log, executions, firing, meters, once, sessions, sweeping, versions
from services.wiring import redis

_HOUR = 3600.0

CHORES = (
    Chore("fire schedules", every_s=1.0, run=firing.fire_due, lane="schedules", until_next=firing.until_next),
    Chore("start what waited for the last run", every_s=1.0, run=firing.release_waiting, lane="schedules"),
    Chore("arm schedules without a next slot", every_s=60.0, run=firing.rearm),
    Chore("finish lost runs and hand over unclaimed ones", every_s=1.0, run=executions.sweep),
    Chore("send on what was measured", every_s=1.0, run=lambda: meters.flush(redis())),
    Chore("prune the ledger of schedules", every_s=_HOUR, run=firing.prune),
    Chore("prune runs", every_s=_HOUR, run=sweeping.prune),
    Chore("prune events", every_s=_HOUR, run=event_log.prune),
    Chore("prune dead letters", every_s=_HOUR, run=dead_letters.prune),
    Chore("prune versions by age", every_s=_HOUR, run=versions.prune),
    Chore("prune the audit log", every_s=_HOUR, run=audit.prune),
    Chore("forget old results of sdk.once and idempotency keys", every_s=_HOUR, run=once.prune),
    Chore("forget sessions that ended long ago", every_s=_HOUR, run=sessions.prune),
)
