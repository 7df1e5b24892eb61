"""`flask doctor`: says what is missing and what to do, and touches nothing."""

import pytest
from flask_migrate import upgrade

from app import create_app
from jobs import doctor
from models import db
from services.engine_meters import EngineMeters
from services.queue import connection
from settings import Settings


@pytest.fixture
def settings(tmp_path, redis_url):
    return Settings.from_env({"DATA_DIR": str(tmp_path), "REDIS_URL": redis_url, "LOG_LEVEL": "ERROR"})


def check(settings, name):
    return next(found for found in doctor.diagnose(settings) if found.name == name)


def test_it_finds_a_database_that_was_never_made_and_does_not_make_it(settings):
    found = check(settings, "database")
    assert not found.ok
    assert "db upgrade" in found.cure
    assert not (settings.data_dir / "dastgoh.sqlite").exists()


def test_a_migrated_installation_has_nothing_wrong(settings):
    app = create_app(settings)
    with app.app_context():
        upgrade()
        db.engine.dispose()
    assert [found for found in doctor.diagnose(settings) if not found.ok] == []


def test_it_tells_an_unreachable_redis_from_the_rest(tmp_path):
    nowhere = {"DATA_DIR": str(tmp_path), "REDIS_URL": f"unix://{tmp_path}/nowhere.sock"}
    found = check(Settings.from_env(nowhere), "Redis")
    assert not found.ok
    assert "REDIS_URL" in found.cure


def test_a_password_never_appears_in_what_it_prints(tmp_path):
    secretive = {"DATA_DIR": str(tmp_path), "DATABASE_URL": "postgresql://app:hunter2@127.0.0.1:1/none"}
    found = check(Settings.from_env(secretive), "database")
    assert not found.ok
    assert "hunter2" not in f"{found.detail} {found.cure}"


def test_it_tells_of_running_processes_that_cannot_start_engines(settings):
    with connection(settings) as redis:
        meters = EngineMeters(redis)
        pool = {"created": 0, "errors": 3, "destroyed": {}, "available": 0, "in_use": 0, "last_error": "no memory"}
        meters.report({"pool": pool, "compile_cache": {"hits": 0, "misses": 0}})
        found = check(settings, "running processes")
        meters.close()
    assert not found.ok
    assert "1 cannot start engines" in found.detail


def test_it_runs_a_script_on_the_engine_and_says_how_that_is_locked_down(settings):
    found = check(settings, "JavaScript engine")
    assert found.ok
    assert "locked down by" in found.detail
    assert "rlimits" in found.detail
