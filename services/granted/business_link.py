"""What the two kinds of database have in common: a connection that runs one tenant's checked statements within limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from runtime.errors import HostError
from services.granted.business_catalog import Catalog
from services.granted.business_values import refuse_same_names, rough_size
from services.granted.deadline import Deadline
from services.granted.sql_dialects import Language
from services.granted.sql_guard import Guarded


@dataclass(frozen=True)
class DbLimits:
    rows: int = 1_000
    seconds: float = 5.0
    result_bytes: int = 5_000_000
    transaction_seconds: float = 30.0
    connections: int = 8


@dataclass(frozen=True)
class Rows:
    affected: int
    columns: tuple[str, ...] = ()
    values: list[list[Any]] = field(default_factory=list)

    def as_objects(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.values]


class Collector:
    """Gathers a result and stops it when it grows past what one call may return."""

    def __init__(self, columns: Sequence[str], limits: DbLimits) -> None:
        refuse_same_names(columns)
        self.columns = tuple(columns)
        self.values: list[list[Any]] = []
        self._limits = limits
        self._bytes = 0

    def add(self, row: list[Any]) -> None:
        if len(self.values) >= self._limits.rows:
            raise HostError(
                "DB_ROW_LIMIT", f"The result has more than {self._limits.rows:,} rows: add LIMIT", retryable=False
            )
        self._bytes += sum(map(rough_size, row))
        if self._bytes > self._limits.result_bytes:
            raise too_large(self._limits)
        self.values.append(row)


def too_large(limits: DbLimits) -> HostError:
    size = limits.result_bytes / 1_000_000
    return HostError("DB_ROW_LIMIT", f"The result is larger than {size:g} MB: select less", retryable=False)


def timed_out(seconds: float) -> HostError:
    return HostError("DB_TIMEOUT", f"The statement took longer than {seconds:g} s, or the run ended", retryable=True)


class Link(Protocol):
    """One connection, lent to one tenant. A transaction holds it from `begin` to the end."""

    def lend(self, tenant: Any, deadline: Deadline) -> None: ...
    def begin(self, read_only: bool, deadline: Deadline) -> None: ...
    def run(self, statement: Guarded, values: Sequence[Any], deadline: Deadline) -> Rows: ...
    def run_undoable(self, statement: Guarded, values: Sequence[Any], deadline: Deadline) -> Rows:
        """Inside a transaction: a statement that fails undoes only itself."""

    def commit(self, deadline: Deadline) -> None: ...
    def rollback(self) -> None: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...
    @property
    def usable(self) -> bool: ...


class Backend(Protocol):
    language: Language

    def read_catalog(self, tenant_column: str, denied: Sequence[str]) -> Catalog: ...
    def open(self, catalog: Catalog, read_only: bool) -> Link: ...
    def guard_names(self, catalog: Catalog) -> tuple[str, str]:
        """Schema and prefix of what stands in for the tables when they are read."""
