"""What services name by codes has words for people."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from blueprints.labels import ACTIONS, FIELDS, PERMISSIONS
from models import Endpoint, Schedule, Subscription
from models.role import PERMISSIONS as KNOWN_PERMISSIONS
from services import triggers

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
        if "audit.record(" in text or "AuditEntry(" in text:
            yield from (value for value in constants if isinstance(value, str) and DEED.fullmatch(value))


def test_what_changes_on_a_trigger_has_words() -> None:
    facts = [
        triggers.schedule_facts(Schedule()),
        triggers.endpoint_facts(Endpoint(methods=[], options={})),
        triggers.subscription_facts(Subscription()),
    ]
    assert sorted(set().union(*facts) - set(FIELDS)) == []


def test_every_permission_has_words() -> None:
    assert set(PERMISSIONS) == set(KNOWN_PERMISSIONS)
