"""Statements and templates are compiled once for all tests of a process. Every application has an engine and an environment of
its own, and the first use of a statement or a template costs ten times what the second does.
"""

from types import CodeType
from typing import Any

import pytest
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect

_dialects: dict[tuple[Any, ...], DefaultDialect] = {}
_statements: dict[DefaultDialect, Any] = {}
_begin = Engine.__init__


def _begin_alike(
    engine: Engine,
    pool: Any,
    dialect: Any,
    url: Any,
    logging_name: Any = None,
    echo: Any = None,
    query_cache_size: int = 5_000,
    execution_options: Any = None,
    hide_parameters: bool = False,
) -> None:
    """All parameters by their names: `create_engine` looks which there are."""
    alike = type(dialect), dialect.paramstyle, getattr(dialect, "_json_serializer", None)
    shared = _dialects.setdefault(alike, dialect)
    _begin(engine, pool, shared, url, logging_name, echo, query_cache_size, execution_options, hide_parameters)
    engine._compiled_cache = _statements.setdefault(shared, engine._compiled_cache)


Engine.__init__ = _begin_alike  # type: ignore[method-assign]


class CompiledTemplates(BytecodeCache):
    """Code as it is, not written down to be read again."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code
        self._codes[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session")
def compiled_templates() -> BytecodeCache:
    return CompiledTemplates()
