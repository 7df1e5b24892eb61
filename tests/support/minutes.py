"""The minute by which a tenant's runs are counted does not end by itself in a test: it is told to."""

import time
from uuid import UUID

import pytest
from flask import Flask

from services.limits import RUNS_PER_MINUTE
from services.per_process import have
from services.runs_per_minute import RunsPerMinute


class Minutes:
    """It stands at the beginning of one."""

    def __init__(self, app: Flask) -> None:
        self.now = time.time() // 60 * 60
        self._counted = have(app, "runs_per_minute", lambda: RunsPerMinute(app.extensions["redis"], lambda: self.now))

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    def use_up(self, tenant_id: UUID) -> None:
        self._counted.spend(tenant_id, RUNS_PER_MINUTE, wanted=RUNS_PER_MINUTE)


@pytest.fixture
def minutes(app: Flask) -> Minutes:
    return Minutes(app)
