"""What somebody says about a thing, where most of it stays as it is."""

from dataclasses import dataclass, fields
from typing import Any


class _Unchanged:
    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Any = _Unchanged()


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """Its fields have the default UNCHANGED."""

    def given(self) -> dict[str, Any]:
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in said.items() if value is not UNCHANGED}
