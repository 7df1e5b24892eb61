"""What time it is: on PostgreSQL the database's time, for machines that share it may disagree, and leases must not.

On SQLite everybody is on one machine, so its clock is the only one.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

log = logging.getLogger(__name__)

AGREE_EVERY_S = 10.0  # clocks are set, and drift
# Less than this is the way to the database and back.
WORTH_MINDING = timedelta(seconds=1)
_correction = timedelta(0)
_agreed_at = float("-inf")


def utcnow() -> datetime:
    return _local() + _correction


def _local() -> datetime:
    return datetime.now(UTC)


def agree(connection: Any) -> None:
    """With the database of this driver's connection to PostgreSQL; mostly this was done a moment ago."""
    global _correction, _agreed_at
    if time.monotonic() - _agreed_at < AGREE_EVERY_S:
        return
    _agreed_at, before = time.monotonic(), _local()
    try:
        with connection.cursor() as cursor:
            [theirs] = cursor.execute("SELECT clock_timestamp()").fetchone()
    except Exception:  # the statement that follows says what is wrong, in the way that everybody expects
        log.debug("the database was not asked for the time", exc_info=True)
        return
    found = theirs - before - (_local() - before) / 2
    if abs(found - _correction) > WORTH_MINDING:
        log.warning("this machine's clock is %.1f s off the database's, which counts", -found.total_seconds())
        _correction = found
