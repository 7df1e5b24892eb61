"""What is bound and what is documented are the same, so the editor never offers what is not there nor hides what is."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import HostError, Runtime
from runtime.host import HOST_APIS, AllApis, HostApi
from services import typings

# Bound, but offered to scripts under another name by the prelude.
BEHIND = {
    "db.begin": "db.transaction", "db.commit": "db.transaction", "db.rollback": "db.transaction",
    "db.txQuery": "db.transaction", "db.txExecute": "db.transaction",
    "once.begin": "once", "once.finish": "once", "once.fail": "once",
}  # fmt: skip
NO_HOST_CALL = ("sdk.log", "sdk.crypto", "sdk.sleep", "sdk.Fatal", "sdk.RetryAfter")


class Anything(SimpleNamespace):
    """Grants of which nothing is asked."""

    def __getattr__(self, name: str) -> "Anything":
        return Anything()


def bound() -> dict[str, Any]:
    return {api.name: api.bind(Anything()) for api in HOST_APIS}


def names(functions: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, function in functions.items():
        if isinstance(function, Mapping):
            yield from names(function, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def documented() -> dict[str, typings.Member]:
    return {member.path: member for member in typings.members() if member.path.startswith("sdk.")}


@pytest.mark.parametrize("name", sorted(names(bound())))
def test_every_bound_name_is_documented(name: str) -> None:
    assert f"sdk.{BEHIND.get(name, name)}" in documented()


def test_every_documented_call_is_there(rt: Runtime) -> None:
    calls = [path for path, member in documented().items() if member.is_call or "new (" in member.signature]
    out = rt.execute(
        "return context.input.filter(path => typeof path.split('.').slice(1).reduce((at, name) => at?.[name], sdk) !== 'function')",
        input=calls, host=bound(),
    )  # fmt: skip
    assert (out.error, out.value) == (None, [])
    assert len(calls) > 35


def test_nothing_is_there_that_is_not_documented(rt: Runtime) -> None:
    out = rt.execute("""
        const found = [];
        const walk = (thing, path) => {
            for (const name of Object.keys(thing)) {
                found.push(`${path}.${name}`);
                if (typeof thing[name] === 'object') walk(thing[name], `${path}.${name}`);
            }
        };
        walk(sdk, 'sdk');
        return found;
    """, host=bound())  # fmt: skip
    assert out.error is None
    assert set(out.value) - set(documented()) == set()


def test_all_but_what_the_engine_answers_itself_is_a_host_call() -> None:
    calls = {path for path, member in documented().items() if member.is_call and not path.startswith(NO_HOST_CALL)}
    reachable = {f"sdk.{BEHIND.get(name, name)}" for name in names(bound())}
    short_forms = {f"sdk.http.{name}" for name in ("get", "post", "put", "patch", "delete", "head")} | {
        "sdk.db.queryOne"
    }
    assert calls - reachable - short_forms == set()


def test_what_cannot_be_granted_fails_its_calls_and_nothing_else(rt: Runtime) -> None:
    def bind(api: HostApi) -> dict[str, Any]:
        if api.name == "http":
            raise TimeoutError("a proxy that is not there")
        if api.name == "db":
            raise HostError("HOST_UNAVAILABLE", "The database does not answer")
        return {"get": lambda key: f"{key}!"}

    source = """
        const told = [];
        for (const call of [() => sdk.http.get("https://a.test"), () => sdk.db.query("SELECT 1"), () => sdk.secrets.get("k")])
            try { told.push(await call()) } catch (error) { told.push(error.code) }
        return told;
    """
    assert rt.execute(source, host=AllApis(bind)).value == ["RUNTIME_ERROR", "HOST_UNAVAILABLE", "k!"]
