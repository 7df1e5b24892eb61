"""What of the business database scripts can see: its tables that carry the tenant column and are not denied."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[str, ...]
    tenant_type: str  # the type of its tenant column, as the database names it


@dataclass(frozen=True, eq=False)
class Catalog:
    """A snapshot. A new one is a new identity, so whatever was prepared against an old one can be told apart."""

    schema: str
    tenant_column: str
    tables: Mapping[str, Table]
    # Foreign keys and unique indexes that leave the tenant out: through them one tenant can feel another's rows.
    loose_keys: tuple[str, ...] = ()
    # table -> tables reached from it by foreign keys, in either direction
    relatives: Mapping[str, frozenset[str]] = field(default_factory=dict)
    triggers: frozenset[str] = frozenset()

    def find(self, name: str) -> Table | None:
        return self.tables.get(name)

    @property
    def names(self) -> str:
        return ", ".join(sorted(table.name for table in self.tables.values())) or "none"

    def has_column(self, name: str) -> bool:
        return any(name in table.columns for table in self.tables.values())


def visible(
    columns: Mapping[str, Mapping[str, str]], tenant_column: str, denied: Iterable[str], key: Callable[[str], str]
) -> dict[str, Table]:
    """The tables to show, by the key their name is looked up with. `columns` is table -> column -> type."""
    hidden = {key(name) for name in denied}
    return {
        key(name): Table(name, tuple(key(c) for c in types), types[tenant_column])
        for name, types in columns.items()
        if tenant_column in types and key(name) not in hidden
    }
