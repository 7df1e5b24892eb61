"""Whether the tables are those this code was written for."""

from functools import lru_cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


def problem(connection: Connection) -> str:
    """Nothing where they are; also where they are newer, as while one process after another is replaced by newer code."""
    version = MigrationContext.configure(connection).get_current_revision()
    known, newest = _versions()
    if version == newest or (version and version not in known):
        return ""
    return f"at version {version or 'none'}, the code at {newest}"


@lru_cache
def _versions() -> tuple[frozenset[str], str]:
    scripts = ScriptDirectory(str(_MIGRATIONS))
    return frozenset(script.revision for script in scripts.walk_revisions()), scripts.get_current_head() or ""
