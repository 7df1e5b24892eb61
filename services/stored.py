"""JSON and text as our databases can keep them. PostgreSQL refuses NUL, and neither keeps half a surrogate pair."""

import json
import re
from typing import Any

from services.errors import Invalid

MAX_DEPTH = 100
# In text: the characters themselves. Written as JSON they are escapes, which is where we look for them cheaply.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Not the backslash that somebody wrote before `u0000`: it is doubled.
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_REPLACEMENT = "\ufffd"


def as_json(value: Any, most_bytes: int, field: str) -> Any:
    """A value a person or program gave us, or the sentence that says why it cannot be kept."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Invalid("This is not JSON that can be kept.", field=field) from None
    if not is_storable(value, text):
        raise Invalid("This is not JSON that can be kept.", field=field)
    if len(text.encode()) > most_bytes:
        raise Invalid("At most %(most)s bytes.", field=field, most=most_bytes)
    return value


def as_text(text: str, field: str) -> str:
    if _UNSTORABLE.search(text):
        raise Invalid("This text has a character that cannot be stored.", field=field)
    return text


def is_storable(value: Any, text: str) -> bool:
    """Whether databases keep it; `text` is the value as JSON."""
    return not (_UNSTORABLE.search(text) or _has_nul(text) or is_deep(value))


def _has_nul(text: str) -> bool:
    return "\\u0000" in text and _ESCAPED_NUL.search(text) is not None


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


def is_deep(value: Any) -> bool:
    """Whether lists and objects nest deeper than we keep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, dict | list | tuple)]
        if not containers:
            return False
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return True
