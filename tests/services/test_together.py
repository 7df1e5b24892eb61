"""Several services' work is committed as one, or not at all."""

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from models import Script, db
from models.together import together
from services import scripts
from services.errors import Conflict
from services.identity import Principal
from services.scripts import Changes
from tests.conftest import Person


@pytest.fixture
def alices(session: object, alice: Person, as_person: Callable[[Person], Principal]) -> Principal:
    return as_person(alice)


def seen_by_others() -> int:
    other = create_engine(db.engine.url)
    with other.connect() as connection:
        if other.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('dastgoh.tenant', '*', false)"))
        return int(connection.execute(text(f"SELECT count(*) FROM {Script.__tablename__}")).scalar_one())


def test_others_see_nothing_before_the_end(alices: Principal) -> None:
    with together(db.session):
        for name in ("first", "second"):
            scripts.create(alices, Changes(name=name, source="return 1"))
            assert seen_by_others() == 0
    assert seen_by_others() == 2
    scripts.create(alices, Changes(name="third", source="return 1"))
    assert seen_by_others() == 3


def all_of(*deeds: Callable[[], object]) -> None:
    with together(db.session):
        for deed in deeds:
            deed()


def create(actor: Principal, name: str) -> Callable[[], object]:
    return lambda: scripts.create(actor, Changes(name=name, source="return 1"))


def test_what_is_raised_undoes_all(alices: Principal) -> None:
    with pytest.raises(Conflict):
        all_of(create(alices, "first"), create(alices, "first"))
    assert seen_by_others() == 0
    all_of(create(alices, "first"))
    assert seen_by_others() == 1


def test_half_of_it_is_never_committed(alices: Principal) -> None:
    with pytest.raises(RuntimeError, match="rolled back"):
        all_of(create(alices, "first"), db.session.rollback, create(alices, "second"))
    with pytest.raises(RuntimeError, match="rolled back"):
        all_of(create(alices, "first"), db.session.rollback)
    assert seen_by_others() == 0
