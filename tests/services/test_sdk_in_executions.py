"""The SDK in runs as they are kept: what their rows, their events and the runs they started hold of it."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import undefer

from models import AuditEntry, Event, Execution, Script, db
from services import executions, scripts, secrets
from services.granted.facts import RunFacts
from services.identity import Principal
from services.scripts import Changes

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.fixture
def secret(author: Principal) -> None:
    secrets.create(author, "bank_api_key", VALUE)


def write(author: Principal, source: str, name: str = "") -> Script:
    return scripts.create(author, Changes(name=name or f"Script {time.monotonic_ns()}", source=source))


def finish(author: Principal, script: Script, **more: object) -> Execution:
    return executions.wait_for(author, executions.start(author, script.id, **more).id, 30)


def children(of: Execution) -> list[Execution]:
    query = (
        select(Execution)
        .where(Execution.parent_id == of.id)
        .options(undefer(Execution.input), undefer(Execution.error))
    )
    return list(db.session.scalars(query))


def test_no_row_holds_a_secret_that_a_run_showed(author: Principal, secret: None, redis_url: str) -> None:
    ended = finish(author, write(author, """
        const key = await sdk.secrets.get("bank_api_key");
        console.log("key", key); sdk.log.info(key.slice(0, 9), key.slice(9)); await sdk.events.publish("bank.key.read", { key });
        throw Object.assign(new Error("no " + key), { key });
    """))  # fmt: skip

    event = db.session.scalars(select(Event).where(Event.type == "bank.key.read").options(undefer(Event.data))).one()
    used = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "secret.used")).one()
    assert (ended.status, ended.error["message"]) == ("failed", "no ••••")
    assert event.data == {"key": "••••"}
    assert (event.cause_id, used.after["execution"]) == (ended.id, str(ended.id))
    assert VALUE not in str([ended.logs, ended.error, ended.error_message, ended.calls, event.data, used.after])
    redis = Redis.from_url(redis_url)
    assert not [key for key in redis.keys("*") if redis.type(key) == b"string" and VALUE.encode() in redis.get(key)]


def test_a_script_calls_another_as_a_run_of_its_own(author: Principal, secret: None) -> None:
    write(
        author, "return { tax: context.input.price * 0.12, by: context.execution.type, key: context.input.key };", "Tax"
    )
    ended = finish(author, write(author, """
        return await sdk.scripts.run("tax", { price: 100, key: await sdk.secrets.get("bank_api_key") });
    """))  # fmt: skip

    assert ended.output == {"tax": 12, "by": "embedded", "key": "••••"}
    (child,) = children(ended)
    assert (child.status, child.trigger, child.chain_depth, child.user_id) == ("succeeded", "embedded", 1, author.id)
    assert child.input == {"price": 100, "key": "••••"}


def test_the_failure_of_another_script_can_be_caught(author: Principal) -> None:
    write(author, "throw new Error('no rates today')", "Rates")
    ended = finish(author, write(author, """
        const codes = [];
        for (const name of ["Rates", "Nobody"]) try { await sdk.scripts.run(name); } catch (error) { codes.push(error.code, error.message); }
        return codes;
    """))  # fmt: skip
    assert ended.output[::2] == ["RUNTIME_ERROR", "INVALID_INPUT"]
    assert "no rates today" in ended.output[1]


def test_a_script_that_calls_itself_comes_to_an_end(author: Principal) -> None:
    source = "try { return 1 + await sdk.scripts.run('Mirror', null); } catch (error) { return error.code === 'LOOP_GUARD' ? 1 : error.code; }"
    ended = finish(author, write(author, source, "Mirror"))
    assert ended.output == 5  # depths 0 to 4
    assert db.session.scalars(select(Execution.chain_depth).order_by(Execution.chain_depth)).all() == [0, 1, 2, 3, 4]


def test_a_run_that_is_stopped_takes_the_one_it_called_along(author: Principal) -> None:
    write(author, "await sdk.sleep(25_000); await sdk.cache.shared.set('went on', 1);", "Slow")
    parent = executions.start(author, write(author, "return await sdk.scripts.run('Slow')").id)
    until = time.monotonic() + 20
    while not [run for run in children(parent) if run.status == "running"]:
        assert time.monotonic() < until
        db.session.rollback()
        time.sleep(0.05)
    executions.cancel(author, parent.id)
    assert executions.wait_for(author, parent.id, 10).status == "cancelled"
    (child,) = children(parent)
    assert executions.wait_for(author, child.id, 10).status == "cancelled"


def test_a_called_script_may_no_more_than_its_caller(author: Principal, facts_of: Callable[..., RunFacts]) -> None:
    """The run of a token that may little, whose owner may much."""
    write(author, "return context.user.permissions", "Rights")
    caller = finish(author, write(author, "return 1"))
    facts = replace(
        facts_of(author.tenant, user_id=author.id, permissions=frozenset({"scripts.execute"})), execution_id=caller.id
    )
    assert executions.run_embedded(facts, "Rights", None, None) == ["scripts.execute"]


def test_a_called_script_is_told_the_time_its_caller_has_left(author: Principal) -> None:
    write(author, "return context.deadlineMs;", "Deadline")
    source = "return [context.deadlineMs, await sdk.scripts.run('Deadline')];"
    own, of_called = finish(author, write(author, source)).output
    assert of_called <= own + 1_000


def test_what_was_done_once_is_not_done_again_by_a_replay(author: Principal) -> None:
    ended = finish(author, write(author, """
        const sent = await sdk.once("invoice-7", () => sdk.cache.increment("sent"));
        if (sent === 1 && context.execution.attempt === 1 && !context.input) throw new sdk.Fatal("after it was sent");
        return sent;
    """))  # fmt: skip
    assert ended.status == "failed"
    again = executions.wait_for(author, executions.replay(author, ended.id).id, 30)
    assert again.error["message"] == "after it was sent"
    third = finish(author, db.session.get_one(Script, ended.script_id), input=1)
    assert third.output == 1


def test_a_chatty_run_keeps_head_and_tail_of_its_log(author: Principal) -> None:
    ended = finish(author, write(author, "for (let n = 0; n < 500; n++) console.log('line', n); return 'done';"))
    messages = [line["message"] for line in ended.logs]
    assert (ended.status, ended.output) == ("succeeded", "done")
    assert (messages[0], messages[-1]) == ("line 0", "line 499")
    assert len(messages) <= 151
    assert any("dropped" in message for message in messages)
    assert ended.logs_dropped == 500 - (len(messages) - 1)
