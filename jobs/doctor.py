"""`flask doctor`: what this installation needs and lacks, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import RedisError
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from runtime import Runtime, RuntimeConfig
from services import engine_meters, schema, trouble
from services.queue import connection
from settings import Settings
from tools.setup.frontend import built_files

ROOT = Path(__file__).resolve().parents[1]
MIGRATE = "Run: .venv/bin/flask --app app db upgrade (`make run` does it by itself)."
SET_UP = "Run: make setup"


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str
    cure: str = ""


def diagnose(settings: Settings) -> list[Check]:
    return [
        _database(settings.database_url),
        _redis(settings),
        _engine(),
        _running(settings),
        _files("browser assets", (ROOT / name for name in built_files())),
        _files("translations", (po.with_suffix(".mo") for po in (ROOT / "translations").glob("*/LC_MESSAGES/*.po"))),
        _secret_key(settings),
    ]


def _database(url: str) -> Check:
    where = make_url(url).render_as_string(hide_password=True)
    if _is_missing_file(url):
        return Check("database", False, f"{where} does not exist yet", MIGRATE)
    try:
        problem, cure = _database_problem(url)
    except (SQLAlchemyError, OSError) as error:
        reason = str(error).splitlines()[0]
        return Check("database", False, f"{where} cannot be reached: {reason}", "Check DATABASE_URL and the server.")
    return Check("database", not problem, f"{where} is {problem or 'as the code wants it'}", cure)


def _is_missing_file(url: str) -> bool:
    """Connecting would make an empty one."""
    parsed = make_url(url)
    in_memory = parsed.database in (None, "", ":memory:")
    return parsed.get_backend_name() == "sqlite" and not in_memory and not Path(parsed.database or "").exists()


def _database_problem(url: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    engine = create_engine(url)
    try:
        with engine.connect() as database:
            if behind := schema.problem(database):
                return behind, MIGRATE
            if trouble.takes_no_writing(database):
                return (
                    "read-only",
                    "Every change is refused: is it a replica, or was default_transaction_read_only set?",
                )
            return "", ""
    finally:
        engine.dispose()


def _redis(settings: Settings) -> Check:
    where = "embedded" if settings.redis_embedded else "REDIS_URL"
    try:
        with connection(settings) as redis:
            redis.set("health", "", ex=60)
    except (RedisError, OSError) as error:
        embedded = "It runs while `make run` runs." if settings.redis_embedded else "Check REDIS_URL and the server."
        return Check("Redis", False, f"{where}: {error}", embedded)
    return Check("Redis", True, where)


def _running(settings: Settings) -> Check:
    try:
        with connection(settings) as redis:
            failing = engine_meters.standing(redis)["failing"]
    except (RedisError, OSError):
        return Check("running processes", True, "unknown without Redis")
    if failing:
        cure = "Their logs say why: look for “no engine could be made”. Each tries again by itself every few seconds."
        return Check("running processes", False, f"{failing} cannot start engines", cure)
    return Check("running processes", True, "none is without engines")


def _engine() -> Check:
    runtime = Runtime(RuntimeConfig(pool_size=1, warm=1))
    try:
        error = runtime.execute("return 1 + 1").error
        means = runtime.means()
    finally:
        runtime.close(drain_seconds=0)
    if error is not None:
        return Check("JavaScript engine", False, error.message, f"{SET_UP}; then look at the messages above.")
    return Check("JavaScript engine", True, f"1 + 1 is 2; locked down by {', '.join(means)}")


def _files(name: str, expected: Iterator[Path]) -> Check:
    missing = [str(path.relative_to(ROOT)) for path in expected if not path.exists()]
    if missing:
        return Check(name, False, f"missing: {', '.join(sorted(missing))}", SET_UP)
    return Check(name, True, "built")


def _secret_key(settings: Settings) -> Check:
    if settings.development:
        return Check("SECRET_KEY", True, "not needed in development")
    guessable = len(set(settings.secret_key)) < 10
    cure = "Set SECRET_KEY to what this prints: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    return Check("SECRET_KEY", not guessable, "easily guessed" if guessable else "set", cure if guessable else "")
