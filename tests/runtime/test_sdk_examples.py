"""Every example of the SDK documentation runs, in a real engine, and returns what it says it returns."""

import json
import re
from types import SimpleNamespace

import pytest

from runtime import Runtime, RuntimeConfig
from runtime.host import HttpApi
from services import typings


def answer_of_the_examples(method, url, **options):
    """The server the examples talk to."""
    status = {"POST": 201, "DELETE": 204}.get(method, 200)
    kind = "image/png" if url.endswith(".png") else "application/json"
    body = b"" if method in ("HEAD", "DELETE") else b"\x89PNG" if kind == "image/png" else b'{"UZS": 12650}'
    return SimpleNamespace(status=status, headers={"content-type": kind}, body=body, url=url)


class Cache(dict):
    """As much of a cache as the examples need."""

    def bound(self):
        return {
            "get": self.get,
            "set": lambda key, value, ttl=None: self.update({key: value}),
            "delete": lambda key: self.pop(key, None) is not None,
            "exists": self.__contains__,
            "increment": self.increment,
            "expire": lambda key, ttl: key in self,
        }

    def increment(self, key, delta=1):
        self[key] = self.get(key, 0) + delta
        return self[key]


class Once(dict):
    def begin(self, key):
        return {"state": "done", "value": self[key]} if key in self else {"state": "run", "token": "t"}

    def finish(self, key, token, value):
        self[key] = value

    def bound(self):
        return {"begin": self.begin, "finish": self.finish, "fail": lambda key, token: None}


@pytest.fixture(scope="module")
def runtime():
    runtime = Runtime(RuntimeConfig(pool_size=1))
    yield runtime
    runtime.close(drain_seconds=1)


@pytest.fixture
def host():
    return {
        "http": HttpApi().bind(SimpleNamespace(http=SimpleNamespace(request=answer_of_the_examples))),
        "cache": {**Cache().bound(), "shared": Cache().bound()},
        "once": Once().bound(),
        "events": {"publish": lambda type, data=None: {"id": "0197"}},
        "secrets": {"get": lambda name: f"the value of {name}"},
        "scripts": {"run": lambda name, input=None: round(input["price"] * 1.12)},
    }


def examples():
    """Those of sdk.db run against a database, in its own tests."""
    return [m for m in typings.members() if m.example and not re.match(r"sdk\.db\.", m.path)]


@pytest.mark.parametrize("member", examples(), ids=lambda member: member.path)
def test_the_example_runs_and_returns_what_it_says(runtime, host, member):
    out = runtime.execute(member.example, host=host)
    assert out.error is None
    promised = re.search(r"// → (.+)$", member.example, re.MULTILINE)
    assert out.value == (json.loads(promised[1]) if promised else None)


def test_every_documented_member_is_reachable_and_frozen(runtime, host):
    """What `context` holds is the caller's; the rest is ours."""
    documented = [m.path for m in typings.members() if re.match(r"(sdk|console)\b", m.path)]
    databases = {
        f"db.{name}": print for name in ("query", "execute", "begin", "txQuery", "txExecute", "commit", "rollback")
    }
    script = """return context.input.filter(path => {
        let owner = null, found = globalThis;
        for (const name of path.split('.')) { owner = found; found = found?.[name]; }
        return found === undefined || !Object.isFrozen(found) || !Object.isFrozen(owner);
    })"""
    out = runtime.execute(script, input=documented, host={**host, **databases})
    assert "sdk.cache.shared.increment" in documented
    assert out.value == [], out.error


def test_dotted_names_of_any_depth_become_nested_groups(runtime):
    host = {
        "a.b.c.d": lambda: 1,
        "a.b.e": lambda: 2,
        "a": lambda: 3,
        "f": lambda: 4,
        "__proto__.g": lambda: 5,
        "toString": lambda: 6,
    }
    script = """return [await sdk.a.b.c.d(), await sdk.a.b.e(), typeof sdk.a, await sdk.f(), await sdk.__proto__.g(),
        await sdk.toString(), ({}).g === undefined]"""
    out = runtime.execute(script, host=host)
    assert out.value == [1, 2, "object", 4, 5, 6, True], out.error
