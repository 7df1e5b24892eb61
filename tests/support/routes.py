"""Making an application compiles each of its routes, which takes longer than most tests; thousands of tests make the same."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_compile: Callable[[Rule, bool], Callable[..., tuple[str, str]]] = Rule._compile_builder
_compiled: dict[Any, Callable[..., tuple[str, str]]] = {}


def _compiled_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """What werkzeug makes depends on these alone: it finds the rule's converters when it is called."""
    key = tuple(rule._trace), repr(rule.defaults), append_unknown
    if key not in _compiled:
        _compiled[key] = _compile(rule, append_unknown)
    return _compiled[key]


Rule._compile_builder = _compiled_once  # type: ignore[method-assign]
