"""A wrong setting refuses to start with one sentence that names it."""

import base64
import tempfile
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from jobs.embedded_redis import EmbeddedRedis
from settings import Settings, SettingsError, variable

SECRET = "x" * 32
KEY = base64.b64encode(b"k" * 32).decode()
DOCS = Path(__file__).parents[1] / "docs" / "settings.md"


def test_it_starts_with_nothing_set() -> None:
    settings = Settings.from_env({})

    assert settings.development
    assert settings.host == "127.0.0.1"
    assert settings.database_url.startswith("sqlite:///")
    assert settings.redis_embedded


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "0"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"SCRIPTS_ENABLED": "perhaps"}, "SCRIPTS_ENABLED"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        ({"DATABASE_URL": "not an address"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://h:port/d"}, "DATABASE_URL"),
        ({"REDIS_URL": "http://x"}, "REDIS_URL"),
        ({"SCRIPT_DB_URL": "mysql://x/y"}, "SCRIPT_DB_URL"),
        ({"SCRIPT_DB_ROLE": "a; DROP"}, "SCRIPT_DB_ROLE"),
        ({"SCRIPT_DB_TENANT_COLUMN": "tenant id"}, "SCRIPT_DB_TENANT_COLUMN"),
        ({"SECRET_KEYS": "current:c2hvcnQ="}, "SECRET_KEYS"),
        ({"SECRET_KEYS": f"a:{KEY},a:{KEY}"}, "SECRET_KEYS"),
        ({"DASTGOH_ENV": "staging"}, "DASTGOH_ENV"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"SCRIPT_MAX_MEMORY_MB": "1024"}, "SCRIPT_MAX_MEMORY_MB"),
        ({"SCRIPT_TIMEOUT_MS": "90000"}, "SCRIPT_TIMEOUT_MS"),
        ({"RUN_LEASE_S": "600"}, "RUN_LEASE_S"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DASTGOH_ENV": "production"}, "SECRET_KEY"),
        ({"HOST": "0.0.0.0"}, "SECRET_KEY"),
    ],
)
def test_it_refuses_a_wrong_value_in_one_sentence(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env(environment)

    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_secret_key_means_production() -> None:
    assert not Settings.from_env({"SECRET_KEY": SECRET, "HOST": "0.0.0.0"}).development


def test_postgresql_addresses_get_the_driver() -> None:
    assert Settings.from_env({"DATABASE_URL": "postgres://u@h/d"}).database_url == "postgresql+psycopg://u@h/d"


@pytest.mark.parametrize(
    ("ours", "scripts"),
    [
        ("sqlite:////srv/d/one.sqlite", "sqlite:////srv/d/../d/one.sqlite"),
        ("postgresql://owner:x@db.example/dastgoh", "postgres://scripts:y@DB.example:5432/dastgoh"),
        ("postgresql://owner@localhost/dastgoh", "postgresql://scripts@127.0.0.1/dastgoh?sslmode=disable"),
    ],
)
def test_scripts_are_never_pointed_at_our_own_tables(ours: str, scripts: str) -> None:
    with pytest.raises(SettingsError, match="SCRIPT_DB_URL"):
        Settings.from_env({"DATABASE_URL": ours, "SCRIPT_DB_URL": scripts})
    assert Settings.from_env({"DATABASE_URL": ours, "SCRIPT_DB_URL": f"{scripts.partition('?')[0]}2"})


def test_a_refusal_never_quotes_a_key_or_a_password() -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env({"SECRET_KEYS": "current:hunter2"})
    assert "hunter2" not in str(refusal.value)


def test_a_deep_data_dir_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)

    assert len(Settings.from_env({"DATA_DIR": str(deep)}).redis_url) < 100


def test_a_data_dir_may_have_any_name() -> None:
    directory = Path(tempfile.gettempdir()) / "50% of #1? ʻ"  # a short one: a long one gets its socket elsewhere
    settings = Settings.from_env({"DATA_DIR": str(directory)})

    assert EmbeddedRedis.at(settings.redis_url, directory).url == settings.redis_url
    assert EmbeddedRedis.at(settings.redis_url, directory).socket == directory / "redis" / "redis.sock"
    assert make_url(settings.database_url).database == str(directory / "dastgoh.sqlite")
    assert make_url(settings.script_db_url).database == str(directory / "business.sqlite")


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()

    assert [variable(f.name) for f in fields(Settings) if f"`{variable(f.name)}`" not in text] == []
