"""What scripts pass to host functions is looked at before anything granted sees it."""

from collections.abc import Mapping
from typing import Any

import pytest

from runtime import HostError
from runtime.host import HOST_APIS


class Ledger:
    """Grants that write down what they are asked."""

    def __init__(self, asked: list[tuple[Any, ...]], path: str = "") -> None:
        self._asked, self._path = asked, path

    def __getattr__(self, name: str) -> "Ledger":
        return Ledger(self._asked, f"{self._path}.{name}".lstrip("."))

    def __call__(self, *arguments: Any) -> str:
        self._asked.append((self._path, *arguments))
        return "answer"


def function(path: str, asked: list[tuple[Any, ...]]) -> Any:
    bound: Any = {api.name: api.bind(Ledger(asked)) for api in HOST_APIS}
    for name in path.split("."):
        assert isinstance(bound, Mapping)
        bound = bound[name]
    return bound


GOOD: list[tuple[str, list[Any], tuple[Any, ...]]] = [
    ("cache.get", ["k"], ("cache.own.get", "k")),
    ("cache.shared.get", ["k", "and more"], ("cache.shared.get", "k")),
    ("cache.set", ["k", {"v": 1}], ("cache.own.set", "k", {"v": 1}, None)),
    ("cache.set", ["k", 1, 0.5], ("cache.own.set", "k", 1, 0.5)),
    ("cache.delete", ["k"], ("cache.own.delete", "k")),
    ("cache.exists", ["k"], ("cache.own.exists", "k")),
    ("cache.increment", ["k"], ("cache.own.increment", "k", 1)),
    ("cache.increment", ["k", -2], ("cache.own.increment", "k", -2)),
    ("cache.expire", ["k", 60], ("cache.own.expire", "k", 60)),
    ("once.begin", ["k"], ("once.begin", "k")),
    ("once.finish", ["k", "t", 1], ("once.finish", "k", "t", 1)),
    ("once.fail", ["k", "t"], ("once.fail", "k", "t")),
    ("events.publish", ["sales.paid", 1], ("events.publish", "sales.paid", 1)),
    ("secrets.get", ["KEY"], ("secrets.get", "KEY")),
    ("scripts.run", ["Other", {"a": 1}], ("scripts.run", "Other", {"a": 1})),
    ("db.query", ["select 1"], ("db.query", "select 1", None)),
    ("db.execute", ["select :a", {"a": 1}], ("db.execute", "select :a", {"a": 1})),
    ("db.begin", [], ("db.begin",)),
    ("db.txQuery", ["t", "select ?", [1]], ("db.tx_query", "t", "select ?", [1])),
    ("db.txExecute", ["t", "select 1"], ("db.tx_execute", "t", "select 1", None)),
    ("db.commit", ["t"], ("db.commit", "t")),
    ("db.rollback", ["t"], ("db.rollback", "t")),
]


@pytest.mark.parametrize(("path", "given", "seen"), GOOD, ids=[f"{entry[0]} {len(entry[1])}" for entry in GOOD])
def test_it_is_passed_on(path: str, given: list[Any], seen: tuple[Any, ...]) -> None:
    asked: list[tuple[Any, ...]] = []
    function(path, asked)(*given)
    assert asked == [seen]


BAD: list[tuple[str, list[Any]]] = [
    ("cache.get", []),
    ("cache.get", [""]),
    ("cache.get", ["k" * 10_000]),
    ("cache.set", ["k", 1, 0]),
    ("cache.set", ["k", 1, True]),
    ("cache.set", ["k", 1, "60"]),
    ("cache.increment", ["k", 1.5]),
    ("cache.increment", ["k", 2**60]),
    ("cache.expire", ["k"]),
    ("once.begin", [None]),
    ("once.begin", ["a\0b"]),
    ("once.finish", ["k", 7]),
    ("events.publish", ["not a type!"]),
    ("events.publish", []),
    ("secrets.get", [1]),
    ("scripts.run", [""]),
    ("db.query", [" "]),
    ("db.query", ["select 1", "a"]),
    ("db.commit", []),
    ("http.request", ["http://a.test"]),
]


@pytest.mark.parametrize(("path", "given"), BAD, ids=[f"{path} {at}" for at, (path, _) in enumerate(BAD)])
def test_it_is_refused(path: str, given: list[Any]) -> None:
    asked: list[tuple[Any, ...]] = []
    with pytest.raises(HostError) as refused:
        function(path, asked)(*given)
    assert refused.value.code == "INVALID_INPUT"
    assert asked == []
