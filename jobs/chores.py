"""What the scheduler process does, and how often."""

from jobs.scheduler import Chore
from services import audit, executions

_HOUR = 3600.0

CHORES = (
    Chore("finish lost runs and hand over unclaimed ones", every_s=5.0, run=executions.sweep),
    Chore("prune the audit log", every_s=_HOUR, run=audit.prune),
)
