"""What the retention policy of a script lets go of, and what it never does."""

from collections.abc import Callable
from datetime import timedelta

from models.base import db, utcnow
from services import queueing, scripts, versions
from services.identity import Principal
from services.queueing import Wanted
from services.scripts import Changes
from tests.conftest import Person


def numbers(author: Principal, changes: int, milestones: bool = True) -> list[int]:
    """Version 1 has a run, version 2 is a milestone, and then come `changes` more; two are to be kept."""
    policy = {"max_versions": 2, "keep_milestones": milestones}
    script = scripts.create(author, Changes(name="Pruned", source="return 1", retention=policy))
    queueing.queued(script, Wanted(trigger="event", triggered_by="system"))
    db.session.commit()
    scripts.save(author, script.id, Changes(source="return 2"))
    versions.mark(author, script.id, 2, milestone=True)
    for number in range(3, 3 + changes):
        scripts.save(author, script.id, Changes(source=f"return {number}"))
    return [version.number for version in versions.listed(author, script.id)]


def test_versions_go_but_never_the_current_one_a_milestone_or_one_with_runs(
    alice: Person, as_person: Callable[[Person], Principal]
) -> None:
    assert numbers(as_person(alice), changes=4) == [6, 5, 2, 1]


def test_milestones_go_too_where_the_policy_says_so(alice: Person, as_person: Callable[[Person], Principal]) -> None:
    assert numbers(as_person(alice), changes=4, milestones=False) == [6, 5, 1]


def test_age_alone_removes_versions_of_a_script_nobody_saves_any_more(
    alice: Person, as_person: Callable[[Person], Principal]
) -> None:
    author = as_person(alice)
    script = scripts.create(author, Changes(name="Aging", source="return 1", retention={"retention_days": 30}))
    for number in (2, 3):
        scripts.save(author, script.id, Changes(source=f"return {number}"))
    for version in versions.listed(author, script.id):
        version.created_at = utcnow() - timedelta(days=31)
    db.session.commit()

    versions.prune()

    assert [version.number for version in versions.listed(author, script.id)] == [3]
