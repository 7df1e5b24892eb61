"""The rows behind sdk.once: leases of runs whose process died, ends of results, races."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from models import KvEntry, Tenant, db
from models.base import utcnow
from models.tenancy import as_system, as_tenant
from services import once
from services.errors import Conflict, Invalid
from services.granted.facts import RunFacts
from services.once import Busy, Done, Held

SOON = timedelta(seconds=30)


@pytest.fixture
def facts(app: Flask, acme: Tenant, facts_of: Callable[..., RunFacts]) -> RunFacts:
    return facts_of(acme)


def begin(app: Flask, facts: RunFacts, holder: str, key: str = "k") -> Any:
    with app.app_context(), as_tenant(db.session, facts.tenant_id):
        return once.begin(facts, key, holder, utcnow() + SOON)


def finish(app: Flask, facts: RunFacts, holder: str, value: Any) -> None:
    with app.app_context(), as_tenant(db.session, facts.tenant_id):
        once.finish(facts, "k", holder, value)


def let_time_pass(app: Flask) -> None:
    with app.app_context(), as_system(db.session):
        db.session.execute(update(KvEntry).values(expires_at=utcnow() - timedelta(minutes=5)))
        db.session.commit()


def test_one_holds_and_the_others_wait_for_its_result(app: Flask, facts: RunFacts) -> None:
    assert begin(app, facts, "one") == Held()
    assert begin(app, facts, "two") == Busy()
    finish(app, facts, "one", [1])
    assert begin(app, facts, "two") == Done([1])


def test_a_lease_that_is_over_is_taken_and_its_first_holder_comes_too_late(app: Flask, facts: RunFacts) -> None:
    begin(app, facts, "dead")
    let_time_pass(app)
    assert begin(app, facts, "next") == Held()
    with pytest.raises(Conflict):
        finish(app, facts, "dead", "late")
    finish(app, facts, "next", "kept")
    assert begin(app, facts, "later") == Done("kept")


def test_a_result_past_its_time_is_made_again(app: Flask, facts: RunFacts) -> None:
    begin(app, facts, "one")
    finish(app, facts, "one", 1)
    let_time_pass(app)
    assert begin(app, facts, "two") == Held()


def test_of_many_at_once_one_holds(app: Flask, facts: RunFacts, side_by_side: Callable[..., list[Any]]) -> None:
    for _ in range(5):
        begun = side_by_side(*[lambda at=at: begin(app, facts, f"run {at}") for at in range(6)])
        assert sorted(type(one).__name__ for one in begun) == ["Busy"] * 5 + ["Held"]
        let_time_pass(app)


def test_tenants_and_scripts_do_not_meet(
    app: Flask, facts: RunFacts, globex: Tenant, facts_of: Callable[..., RunFacts]
) -> None:
    begin(app, facts, "one")
    assert begin(app, facts_of(globex), "two") == Held()
    assert begin(app, facts_of(globex, "Other"), "three") == Held()


def test_a_large_result_is_refused(app: Flask, facts: RunFacts) -> None:
    begin(app, facts, "one")
    with pytest.raises(Invalid):
        finish(app, facts, "one", "x" * once.MOST_BYTES)


def test_what_is_past_its_time_is_forgotten_and_nothing_else(app: Flask, facts: RunFacts) -> None:
    begin(app, facts, "one")
    let_time_pass(app)
    begin(app, facts, "two", key="young")
    with app.app_context():
        once.prune()
        with as_system(db.session):
            assert db.session.scalar(select(func.count()).select_from(KvEntry)) == 1
