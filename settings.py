"""Every setting, once. The only reader of the environment; a wrong value refuses to start with one clear sentence."""

import base64
import hashlib
import ipaddress
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

# A refusal goes to terminals and logs; these may hold passwords.
_NEVER_SHOWN = frozenset({"SECRET_KEYS", "SCRIPT_DB_URL", "DATABASE_URL", "REDIS_URL", "METRICS_TOKEN"})


class SettingsError(SystemExit):
    """Ends the process with its sentence and nothing else: a traceback would hide it."""


def setting(doc: str, default: Any, parse: Callable[[str], Any] = str) -> Any:
    return field(default=default, metadata={"doc": doc, "parse": parse})


def between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.strip().lstrip("-").isdigit() or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low:,} to {high:,}")
        return int(text)

    return parse


def flag(text: str) -> bool:
    if text.strip().lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError("must be true or false")
    return text.strip().lower() in ("1", "true", "yes", "on")


def one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return text

    return parse


def listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def database_address(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    dialects = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
    if not separator or dialects.get(scheme, scheme) not in ("sqlite", "postgresql+psycopg"):
        raise ValueError("must be a sqlite:// or postgresql:// address")
    try:
        _ = urlsplit(text).port
    except ValueError:
        raise ValueError("must have a number from 0 to 65,535 as its port") from None
    return f"{dialects.get(scheme, scheme)}://{rest}"


def identifier(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", text):
        raise ValueError("must be a name of letters, digits and underscores")
    return text


def key_ring(text: str) -> tuple[tuple[str, bytes], ...]:
    keys = tuple(_key(part) for part in listed(text))
    if len({name for name, _ in keys}) != len(keys):
        raise ValueError("must not name a key twice")
    return keys


def _key(text: str) -> tuple[str, bytes]:
    name, _, encoded = text.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if not re.fullmatch(r"[a-z0-9_-]{1,32}", name) or len(key) != 32:
        raise ValueError("must be id:key,id:key… with small ids and keys of 32 bytes in base64")
    return name, key


def token(text: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{16,200}", text):
        raise ValueError("must be 16 to 200 letters, digits and signs without spaces")
    return text


def redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be a redis://, rediss:// or unix:// address")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    environment: str = setting("development or production; development when there is no SECRET_KEY", "development",
                               one_of("development", "production"))  # fmt: skip
    data_dir: Path = setting("where the defaults keep the database, Redis and keys", Path("data"), Path)
    database_url: str = setting("sqlite:// or postgresql:// address; default: SQLite in DATA_DIR", "", database_address)
    redis_url: str = setting(
        "redis://, rediss:// or unix:// address; default: an embedded one in DATA_DIR", "", redis_url
    )
    secret_key: str = setting("signs sessions; at least 32 characters; required outside development", "")
    host: str = setting("address to listen on", "127.0.0.1")
    port: int = setting("port to listen on", 5000, between(1, 65535))
    public_url: str = setting("the address people and programs use, for links and invitations; default: as asked", "")
    trusted_proxies: int = setting("how many proxies in front set X-Forwarded-*", 0, between(0, 10))
    web_workers: int = setting("web processes", 1, between(1, 64))
    web_threads: int = setting(
        "threads in each web process; requests that wait for scripts of one tenant take half of them at most",
        48,
        between(1, 256),
    )
    worker_processes: int = setting("RQ worker processes that `dev` starts", 1, between(1, 64))
    queue_batch: int = setting("runs handed to a worker in one job", 20, between(1, 500))
    queue_bound: int = setting("more waiting runs than this count as pressure, which publishers are told", 10_000,
                               between(1, 10_000_000))  # fmt: skip
    metrics_token: str = setting(
        "bearer token that reads /metrics; without one only loopback in development may", "", token
    )
    drain_seconds: int = setting("how long running work may finish when a process stops", 30, between(0, 3600))
    api_requests_per_minute: int = setting("requests of one API token in a minute; 0: as many as it likes", 6_000,
                                           between(0, 10_000_000))  # fmt: skip
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR", "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR"))

    scripts_enabled: bool = setting("false stops every run with FEATURE_DISABLED", True, flag)
    script_vm_pool_size: int = setting(
        "most engines in one process, and one more for every five, for tenants that have none at work",
        10,
        between(1, 200),
    )
    script_timeout_ms: int = setting("wall time of a run", 30_000, between(1_000, 300_000))
    script_max_cpu_ms: int = setting("CPU time of a run", 30_000, between(1_000, 300_000))
    script_max_memory_mb: int = setting("memory of a run, heap and buffers together", 128, between(16, 512))
    script_max_api_calls: int = setting("SDK calls of a run", 100, between(1, 1_000))
    script_cache_size: int = setting("compiled scripts kept", 1_000, between(1, 100_000))
    script_vm_max_age_s: int = setting("an engine older than this is replaced", 3_600, between(1, 604_800))
    script_vm_max_uses: int = setting("an engine used this often is replaced", 1_000, between(1, 1_000_000))
    script_acquire_timeout_ms: int = setting("longest wait for a free engine", 30_000, between(1, 600_000))
    script_http_allow: tuple[str, ...] = setting(
        "hosts, *.domains and networks opened to scripts, each with :port or :* or neither; see docs/sdk-http.md",
        (),
        listed,
    )
    script_http_block: tuple[str, ...] = setting(
        "the same, closed to scripts; wins over the other; * leaves only what SCRIPT_HTTP_ALLOW names", (), listed
    )
    script_db_url: str = setting(
        "sqlite:// or postgresql:// address of the business database sdk.db works on; default: the demo one in DATA_DIR",
        "",
        database_address,
    )
    script_db_tenant_column: str = setting("the column that says whose a row is", "tenant_id", identifier)
    script_db_denied_tables: tuple[str, ...] = setting("tables closed to scripts all the same", (), listed)
    script_db_role: str = setting(
        "PostgreSQL role that scripts' statements run as; see docs/business-database.md", "", identifier
    )
    secret_keys: tuple[tuple[str, bytes], ...] = setting(
        "keys of the secrets, `id:base64` of 32 bytes each, the current one first; see docs/secrets.md", (), key_ring
    )
    run_lease_s: int = setting("a run whose process has not renewed it for this long is lost", 60, between(1, 86_400))
    proxy_timeout_s: int = setting("what the proxy in front waits for an answer", 360, between(1, 86_400))

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @property
    def has_demo_business(self) -> bool:
        return self.script_db_url == _demo_business_url(self.data_dir)

    @property
    def redis_embedded(self) -> bool:
        return self.redis_url == _embedded_redis_url(self.data_dir)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        given = {f.name: _read(f, environ) for f in fields(cls) if environ.get(variable(f.name))}
        given.setdefault("environment", "production" if "secret_key" in given else "development")
        data_dir = given["data_dir"] = Path(given.get("data_dir", "data")).expanduser().resolve()
        given.setdefault("database_url", _sqlite_url(data_dir / "dastgoh.sqlite"))
        given.setdefault("redis_url", _embedded_redis_url(data_dir))
        given.setdefault("script_db_url", _demo_business_url(data_dir))
        settings = cls(**given)
        for problem in settings._problems():
            raise SettingsError(f"Dastgoh does not start: {problem}")
        return settings

    def _problems(self) -> Iterator[str]:
        if self.development and not is_loopback(self.host):
            yield f"HOST={self.host} is open to others, so SECRET_KEY is needed (development listens on loopback only)."
        if not self.development and len(self.secret_key) < 32:
            yield "SECRET_KEY must be set to at least 32 random characters outside development."
        if _place(self.script_db_url) == _place(self.database_url):
            yield "SCRIPT_DB_URL must not be DATABASE_URL: scripts would work on Dastgoh's own tables."
        limits = (
            ("SCRIPT_TIMEOUT_MS", self.script_timeout_ms / 1000),
            ("RUN_LEASE_S", self.run_lease_s),
            ("PROXY_TIMEOUT_S", self.proxy_timeout_s),
        )
        for (short_name, short), (long_name, long) in pairwise(limits):
            if short >= long:
                yield f"{short_name} ({short:g} s) must be shorter than {long_name} ({long:g} s)."


def variable(name: str) -> str:
    return "DASTGOH_ENV" if name == "environment" else name.upper()


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(known: Field[Any], environ: Mapping[str, str]) -> Any:
    name = variable(known.name)
    try:
        return known.metadata["parse"](environ[name])
    except ValueError as error:
        shown = "what was given" if name in _NEVER_SHOWN else repr(environ[name])
        raise SettingsError(f"Dastgoh does not start: {name} {error}, not {shown}.") from None


def _demo_business_url(data_dir: Path) -> str:
    return _sqlite_url(data_dir / "business.sqlite")


def _sqlite_url(path: Path) -> str:
    """An address reads #, ? and % in its own way: in the name of a directory they are written as codes."""
    return f"sqlite:///{quote(str(path))}"


def _place(url: str) -> tuple[object, ...]:
    """Where a database is, whoever signs in to it: two addresses of one place are equal."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return ("sqlite", Path(unquote(parts.path.removeprefix("/"))).expanduser().resolve())
    host = dict(parse_qsl(parts.query)).get("host") or parts.hostname or "localhost"
    return ("postgresql", "localhost" if is_loopback(host) else host, parts.port or 5432, parts.path)


def _embedded_redis_url(data_dir: Path) -> str:
    """A socket's path may have about 100 bytes: a deep DATA_DIR gets a short one in the temporary directory."""
    directory = data_dir / "redis"
    if len(os.fsencode(directory)) > 85:
        digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()) / f"dastgoh-{os.getuid()}-{digest}"
    return f"unix://{quote(str(directory / 'redis.sock'))}"
