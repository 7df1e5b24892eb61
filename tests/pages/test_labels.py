"""What services name by codes has words for people."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from blueprints.labels import ACTIONS, PERMISSIONS
from models.role import PERMISSIONS as KNOWN_PERMISSIONS

SERVICES = Path(__file__).parents[2] / "services"
DEED = re.compile(r"[a-z_]+\.[a-z_]*ed(_[a-z]+)?")


def test_every_deed_in_the_audit_log_has_words() -> None:
    recorded = set(_deeds())

    assert len(recorded) > 20
    assert sorted(recorded - set(ACTIONS)) == []


def _deeds() -> Iterator[str]:
    """The codes that stand in a module which records."""
    for text in (path.read_text() for path in SERVICES.rglob("*.py")):
        constants = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
        if "audit.record(" in text:
            yield from (value for value in constants if isinstance(value, str) and DEED.fullmatch(value))


def test_every_permission_has_words() -> None:
    assert set(PERMISSIONS) == set(KNOWN_PERMISSIONS)
