"""Runs of scripts with everything they are granted: a real engine, database and Redis."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from models import Tenant
from runtime import Outcome, Runtime, RuntimeConfig
from services import wiring
from services.grants import RunFacts, granted


@pytest.fixture(scope="session")
def sdk_runtime() -> Iterator[Runtime]:
    runtime = Runtime(RuntimeConfig(pool_size=3))
    yield runtime
    runtime.close(drain_seconds=1)


@pytest.fixture
def facts_of() -> Callable[..., RunFacts]:
    script_ids: dict[str, Any] = {}

    def facts(tenant: Tenant, script: str = "Script", **given: Any) -> RunFacts:
        """Of a run that nobody is behind. Facts of one script's name share its id."""
        id_ = script_ids.setdefault(f"{tenant.slug}/{script}", uuid4())
        usual = {"user_id": None, "permissions": frozenset(), "chain_depth": 0, "attempt": 1, "request_id": "request-of-the-run",
                 "deadline": None, "limits": {}}  # fmt: skip
        return RunFacts(execution_id=uuid4(), tenant_id=tenant.id, tenant_slug=tenant.slug, script_id=id_, script_name=script,
                        **{**usual, **given})  # fmt: skip

    return facts


@pytest.fixture
def run(app: Flask, sdk_runtime: Runtime) -> Iterator[Callable[..., Outcome]]:
    """`run(facts, source)`: the outcome as it is kept, that is, with secrets masked."""

    def run(facts: RunFacts, source: str, **options: Any) -> Outcome:
        with app.app_context(), granted(facts) as given:
            outcome: Outcome = given.redact(sdk_runtime.execute(source, host=given.host, **options))
            return outcome

    yield run
    wiring.close(app)


@pytest.fixture
def side_by_side() -> Callable[..., list[Any]]:
    """Calls every function on a thread of its own, all beginning together; the results in their order."""

    def call_all(*functions: Callable[[], Any]) -> list[Any]:
        results: list[Any] = [None] * len(functions)
        gate = threading.Barrier(len(functions))

        def work(at: int) -> None:
            gate.wait()
            results[at] = functions[at]()

        threads = [threading.Thread(target=work, args=(at,)) for at in range(len(functions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results

    return call_all
