"""Making an application parses each of its routes, which takes longer than most tests; thousands of tests make the same."""

from operator import attrgetter
from threading import Lock
from typing import Any

from flask import Flask
from werkzeug.routing import Map, Rule, RuleFactory

_MADE_OF = attrgetter("rule", "endpoint", "subdomain", "host", "build_only", "strict_slashes", "merge_slashes",
                      "redirect_to", "alias", "websocket")  # fmt: skip
_SHARED = ("_matcher", "_rules_by_endpoint")
_parsed: dict[Any, Map] = {}
_parsing = Lock()


class SharedMap(Map):
    """Rules are collected; when they are first asked for, whoever was given the same ones shares what was made of them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._given: list[Rule] = []
        self._forget()

    def add(self, rulefactory: RuleFactory) -> None:
        self._given.extend(rulefactory.get_rules(self))
        self._forget()

    def _forget(self) -> None:
        for name in _SHARED:
            vars(self).pop(name, None)
        self._remap = False  # what is shared is in its order

    def __getattr__(self, name: str) -> Any:
        if name not in _SHARED:
            raise AttributeError(name)
        with _parsing:  # the first requests of an application may come side by side
            if name not in vars(self):
                self._share()
        return vars(self)[name]

    def _share(self) -> None:
        key = self.host_matching, tuple(self.converters.items()), tuple(map(_key, self._given))
        if key not in _parsed:
            _parsed[key] = Map(self._given, converters=self.converters, host_matching=self.host_matching)
            _parsed[key].update()
        vars(self).update({shared: getattr(_parsed[key], shared) for shared in _SHARED})


def _key(rule: Rule) -> tuple[Any, ...]:
    methods = rule.methods and frozenset(rule.methods)
    return _MADE_OF(rule), methods, repr(rule.defaults), getattr(rule, "provide_automatic_options", None)


Flask.url_map_class = SharedMap
