"""A newcomer has something to query: the demo business is made with the demo people, and nowhere else."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from models import Tenant, db
from models.tenancy import as_system
from services import demo
from services.wiring import settings
from tests.conftest import settings_for


def rows(path: Path) -> dict[str, int]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT tenant_id, count(*) FROM clients GROUP BY tenant_id")).all()
    engine.dispose()
    return {row[0]: row[1] for row in found}


def test_both_demo_tenants_have_rows_however_often_it_is_seeded(app: Flask) -> None:
    with app.app_context():
        path = settings().data_dir / "business.sqlite"
        demo.seed()
        before = rows(path)
        demo.seed()
        with as_system(db.session):
            ids = {str(tenant.id) for tenant in db.session.query(Tenant)}
    assert rows(path) == before
    assert set(before) == ids
    assert all(count >= 5 for count in before.values())


def test_an_operators_own_database_is_left_alone(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.sqlite"
    theirs = settings_for(tmp_path, SCRIPT_DB_URL=f"sqlite:///{own}")
    monkeypatch.setitem(app.extensions, "settings", theirs)
    with app.app_context():
        demo.seed()
    assert not own.exists()
    assert not (tmp_path / "business.sqlite").exists()
