"""JSON as our databases can keep it. PostgreSQL refuses NUL in JSON, and neither keeps half a surrogate pair."""

import json
import re
from typing import Any

from services.errors import Invalid

MAX_DEPTH = 100
# In text: the characters themselves. Written as JSON they are escapes, which is where we look for them cheaply.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def as_json(value: Any, most_bytes: int, field: str) -> Any:
    """A value a person or program gave us, or the sentence that says why it cannot be kept."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Invalid("This is not JSON that can be kept.", field=field) from None
    if _UNSTORABLE.search(text) or "\\u0000" in text or (_may_be_deep(text) and depth_of(text) > MAX_DEPTH):
        raise Invalid("This is not JSON that can be kept.", field=field)
    if len(text.encode()) > most_bytes:
        raise Invalid("At most %(most)s bytes.", field=field, most=most_bytes)
    return value


def storable(value: Any) -> Any:
    """What a script made, with unstorable characters replaced: a run never fails for the sake of our database."""
    match value:
        case str():
            return _UNSTORABLE.sub(_REPLACEMENT, value)
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case list():
            return [storable(item) for item in value]
    return value


def _may_be_deep(text: str) -> bool:
    """Quickly said; most values do not have so many brackets at all."""
    return text.count("{") + text.count("[") > MAX_DEPTH


def depth_of(text: str) -> int:
    """How deep brackets nest outside strings."""
    depth = deepest = 0
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|[\[{]|[\]}]', text):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
    return deepest
