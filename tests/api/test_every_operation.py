"""Schemathesis reads the OpenAPI document and calls every operation of it: with what fits, what does not, and one after another.

It must find nothing: no error of ours, no answer that the document does not describe, no request taken that it forbids, no way
around the token, nothing still there after it was deleted. The same requests every time; the long run draws more of them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from tests.api.conftest import Program

# 422 is how we refuse what a schema cannot say: a cron expression, a taken name, a cursor that is not ours.
CONFIG = """
seed = 20261121
request-timeout = 60.0  # a machine that is busy with other tests

[parameters]
"header.If-Match" = "*"  # drawn ones would never match, and nothing behind them would be tried
"header.If-None-Match" = '"another"'

[generation]
max-examples = {examples}
deterministic = true
no-shrink = true
database = "none"

[phases]
coverage.enabled = {edges}
fuzzing.enabled = {drawn}
stateful.enabled = {drawn}
stateful.generation.max-examples = {stories}

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "403", "404", "409", "412", "422"]
negative_data_rejection.expected-statuses = ["400", "401", "404", "405", "409", "412", "415", "422"]

[[operations]]
include-method = "PATCH"
phases.coverage.enabled = false  # the same members as those of POST, whose edges are all tried

[[operations]]
include-tag = "versions"
checks.use_after_free.enabled = false  # the history of a deleted script stays readable

[[operations]]
include-operation-id = "executions_run_by_name"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "502", "503", "504"]  # the script fails
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "409", "422", "502", "503", "504"]
"""


@pytest.fixture
def database() -> str:
    return "sqlite"


def failures(address: str, token: str, kind: str, examples: int, stories: int) -> Iterator[str]:
    flags = {name: str(kind == name).lower() for name in ("edges", "drawn")}
    config = SchemathesisConfig.from_str(CONFIG.format(examples=examples, stories=stories, **flags))
    config.projects.default.update(headers={"Authorization": token})
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config)
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            yield f"{getattr(event, 'label', '')}: {getattr(event, 'value', None) or event.exception!r}"
        elif isinstance(event, events.ScenarioFinished) and event.status == Status.FAILURE:
            yield from _found(event)


def _found(event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = event.recorder.cases[case_id].value
                yield f"{event.phase.value} {case.operation.label}: {check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample}"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["edges", "drawn"])
def test_no_operation_does_what_the_document_does_not_say(
    address: str, api: Program, script: dict[str, Any], kind: str
) -> None:
    found = list(failures(address, api._headers["Authorization"], kind, examples=5, stories=8))
    assert not found, "\n\n".join(found)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nor_in_a_long_run(address: str, api: Program, script: dict[str, Any]) -> None:
    found = list(failures(address, api._headers["Authorization"], "drawn", examples=500, stories=200))
    assert not found, "\n\n".join(found)
