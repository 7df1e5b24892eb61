"""What the scheduler process does, and how often."""

from jobs.scheduler import Chore
from services import audit

_HOUR = 3600.0

CHORES = (Chore("prune the audit log", every_s=_HOUR, run=audit.prune),)
