"""Saving from the pages: what others saved meanwhile is passed by only where it is something else."""

from collections.abc import Callable

import pytest

from models.base import db
from services import authoring, scripts
from services.identity import Principal
from services.scripts import Changes, Stale
from tests.conftest import Person


def test_code_and_limits_are_saved_side_by_side(alice: Person, as_person: Callable[[Person], Principal]) -> None:
    author = as_person(alice)
    script = scripts.create(author, Changes(name="Side by side", source="return 1"))
    scripts.save(author, script.id, Changes(limits={"timeout_ms": 5000}))

    saved = authoring.save(author, script.id, Changes(source="return 2"), base_version=1)

    assert (saved.version, saved.source, saved.limits) == (3, "return 2", {"timeout_ms": 5000})


def test_a_third_saver_is_not_overwritten_while_the_second_is_looked_at(
    alice: Person, as_person: Callable[[Person], Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    author = as_person(alice)
    script_id = scripts.create(author, Changes(name="Three savers", source="return 1")).id
    scripts.save(author, script_id, Changes(limits={"timeout_ms": 5000}))
    look = authoring._is_touched

    def look_while_another_saves(*about: object) -> bool:
        touched = look(*about)  # type: ignore[arg-type]
        db.session.rollback()
        scripts.save(author, script_id, Changes(source="return 'theirs'"))
        return touched

    monkeypatch.setattr(authoring, "_is_touched", look_while_another_saves)

    with pytest.raises(Stale):
        authoring.save(author, script_id, Changes(source="return 'mine'"), base_version=1)

    db.session.rollback()
    assert scripts.get(author, script_id).source == "return 'theirs'"
