"""Regular expressions of script authors. RE2 takes time in proportion to the text, whatever the pattern."""

from functools import lru_cache
from typing import Any

import re2

MAX_LENGTH = 500


class PatternError(ValueError):
    pass


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        [reason] = error.args
        raise PatternError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from error
    except UnicodeEncodeError as error:
        raise PatternError(str(error)) from error


def check(pattern: str) -> None:
    """Raises PatternError for what cannot be a pattern here: bad syntax, look-around, back references, undue size."""
    if len(pattern) > MAX_LENGTH:
        raise PatternError(f"longer than {MAX_LENGTH} characters")
    _compiled(pattern)


def fits(pattern: str, text: str) -> bool:
    """The whole text, as in the `pattern` of an HTML field."""
    return _answers(_compiled(pattern).fullmatch, text)


def occurs(pattern: str, text: str) -> bool:
    """Anywhere in the text, as in JSON Schema."""
    return _answers(_compiled(pattern).search, text)


def _answers(match: Any, text: str) -> bool:
    try:
        return match(text) is not None
    except UnicodeEncodeError:
        return False  # half of a surrogate pair: no text at all
