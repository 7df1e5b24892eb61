"""Everything a run may touch, as a script meets it: one real engine, both databases, a real Redis."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from models import AuditEntry, Secret, Tenant, db
from models.tenancy import as_system, as_tenant
from runtime import HostError, Limits, Outcome, Runtime
from runtime.host import current_call
from services import secrets, wiring
from services.errors import NotFound, RateLimited
from services.granted.demo_business import create_demo_business
from services.granted.facts import Doors
from services.grants import RunFacts, granted
from tests.conftest import Person

Facts = Callable[..., RunFacts]
Run = Callable[..., Outcome]
VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.fixture
def business(app: Flask, acme: Tenant, globex: Tenant) -> None:
    create_demo_business(app.extensions["settings"].script_db_url, {"acme": str(acme.id), "globex": str(globex.id)})


@pytest.fixture
def secret(app: Flask, alice: Person, acme: Tenant) -> Secret:
    with app.app_context(), as_tenant(db.session, acme.id):
        return secrets.create(alice.principal, "bank_api_key", VALUE)


def audited(app: Flask, action: str) -> list[AuditEntry]:
    with app.app_context(), as_system(db.session):
        return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


# ---- the whole


def test_one_call_gives_all_there_is(run: Run, facts_of: Facts, acme: Tenant, secret: Secret, business: None) -> None:
    out = run(facts_of(acme), """
        await sdk.cache.set("rate", 12650, 60);
        return [
            (await sdk.db.query("SELECT name FROM clients")).length, await sdk.cache.get("rate"),
            (await sdk.secrets.get("bank_api_key")).length, await sdk.once("k", () => 1), Object.keys(sdk).sort(),
        ];
    """)  # fmt: skip
    assert out.error is None
    assert out.value[:4] == [6, 12650, len(VALUE), 1]
    assert {"http", "db", "cache", "events", "secrets", "once", "scripts", "log", "crypto", "sleep"} <= set(
        out.value[4]
    )


def test_engines_expect_what_runs_are_given(app: Flask, facts_of: Facts, acme: Tenant) -> None:
    with app.app_context(), granted(facts_of(acme)) as given:
        names = json.loads(given.host.names)
        assert len(names) > 20
        assert all(callable(given.host.get(name)) for name in names)
        assert given.host.get("db.drop") is given.host.get("nothing") is None


def test_two_tenants_share_nothing(
    run: Run, facts_of: Facts, acme: Tenant, globex: Tenant, secret: Secret, business: None
) -> None:
    source = """
        await sdk.cache.set("k", context.input); await sdk.cache.shared.set("s", context.input);
        return await sdk.once("o", () => context.input);
    """
    ours = facts_of(acme)
    run(ours, source, input="acme")
    theirs = replace(facts_of(globex), script_id=ours.script_id)
    look = "return [await sdk.cache.get('k'), await sdk.cache.shared.get('s'), await sdk.once('o', () => 'mine')];"
    assert run(theirs, look).value == [None, None, "mine"]
    out = run(theirs, "return await sdk.secrets.get('bank_api_key')")
    assert out.error.code == "SECRET_NOT_FOUND"
    names = "return (await sdk.db.query('SELECT name FROM clients ORDER BY name')).map(row => row.name);"
    assert not set(run(ours, names).value) & set(run(theirs, names).value)


def test_a_transaction_that_a_crash_left_open_is_undone(
    run: Run, facts_of: Facts, acme: Tenant, business: None
) -> None:
    out = run(facts_of(acme), """
        await sdk.db.transaction(async tx => {
            await tx.execute("DELETE FROM payments");
            while (true) {}
        });
    """, limits=Limits(timeout_ms=700))  # fmt: skip
    assert out.error.code == "TIMEOUT"
    assert run(facts_of(acme), "return (await sdk.db.queryOne('SELECT count(*) AS n FROM payments')).n").value > 0


def test_a_business_database_that_is_not_there_is_a_coded_error(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(facts_of(acme), "return await sdk.db.query('SELECT 1 AS one')")
    assert (out.error.code, out.error.retryable) == ("DB_FAILED", True)


def test_calls_beyond_the_bucket_are_refused_with_the_seconds_to_wait(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(facts_of(acme, limits={"cache_per_minute": 3}), """
        const seen = [];
        for (let at = 0; at < 5; at++) {
            try { await sdk.cache.get("k"); seen.push("ok"); } catch (error) { seen.push(error.code, error.details.retry_after > 0); }
        }
        return seen;
    """)  # fmt: skip
    assert out.value == ["ok", "ok", "ok", "RATE_LIMITED", True, "RATE_LIMITED", True]
    assert [call.outcome for call in out.calls] == ["ok"] * 3 + ["RATE_LIMITED"] * 2


def test_a_blocked_request_is_audited_once_a_run(
    app: Flask, run: Run, facts_of: Facts, acme: Tenant, secret: Secret
) -> None:
    out = run(facts_of(acme), """
        const key = await sdk.secrets.get("bank_api_key");
        for (const url of ["http://127.0.0.1/a", "http://127.0.0.1/b", `http://${key}.internal/?q=1`]) {
            try { await sdk.http.get(url); } catch (error) { sdk.log.warn(error.message); }
        }
    """)  # fmt: skip
    assert out.error is None
    entries = audited(app, "http.blocked")
    assert {entry.after["reason"] for entry in entries} == {"loopback", "local-name"}
    assert len(entries) == 2
    assert VALUE.lower() not in str([entry.after for entry in entries] + out.logs).lower()


def test_the_tenants_own_list_narrows_what_scripts_reach(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(facts_of(acme, limits={"http_allow": ["api.example"]}), "await sdk.http.get('https://other.example/')")
    assert (out.error.code, out.error.details["reason"]) == ("HTTP_BLOCKED", "tenant")


def test_nothing_is_granted_once_the_run_is_over(app: Flask, facts_of: Facts, acme: Tenant, business: None) -> None:
    with app.app_context():
        with granted(facts_of(acme)) as given:
            query, begin = given.host.get("db.query"), given.host.get("once.begin")
            assert query and begin
        for call in (lambda: query("SELECT 1"), lambda: begin("k")):
            with pytest.raises(HostError) as refusal:
                call()
            assert refusal.value.code == "CANCELLED"
        assert given.host.get("cache.get") is None
        wiring.close(app)


# ---- secrets


def test_a_secret_is_masked_in_all_a_run_shows(run: Run, facts_of: Facts, acme: Tenant, secret: Secret) -> None:
    out = run(facts_of(acme), """
        const key = await sdk.secrets.get("bank_api_key");
        console.log("plain", key); console.log(key.slice(0, 9), key.slice(9)); sdk.log.info(key.slice(0, 15), key.slice(15));
        sdk.log.warn("json", { a: [key], b: JSON.stringify({ key }) }); console.error(encodeURIComponent(key + "&=?"));
        console.log({ [key]: 1 }); console.log(new Error(key)); console.log("x".repeat(4000) + key + "y".repeat(6000));
        try { await sdk.db.query("SELECT " + key); } catch (error) { console.log(error.message); }
        try { await sdk.http.get("https://user:" + key + "@example.com/"); } catch (error) { console.log(error.message); }
        const error = new Error("the bank said " + key);
        error.cause = new Error(key);
        throw error;
    """)  # fmt: skip
    shown = str(out.logs) + str(out.error) + str(out.calls)
    assert out.error.message == "the bank said ••••"
    assert "••••" in out.error.stack
    assert VALUE not in shown
    assert VALUE[:9] not in shown
    assert VALUE[-12:] not in shown


def test_a_secret_is_masked_in_the_result(run: Run, facts_of: Facts, acme: Tenant, secret: Secret) -> None:
    out = run(facts_of(acme), "const key = await sdk.secrets.get('bank_api_key'); return {key, parts: [...key], n: 1};")
    assert out.value["key"] == "••••"
    assert set(out.value["parts"]) == {"••••"}
    assert out.value["n"] == 1


def test_a_secret_is_masked_in_what_the_sdk_keeps_for_others(
    app: Flask, run: Run, facts_of: Facts, acme: Tenant, secret: Secret
) -> None:
    """A run that never read the secret could not mask it."""
    given: list[Any] = []
    app.extensions["doors"] = Doors(
        publish=lambda facts, type, data: given.append(data) or "0197",
        run_script=lambda facts, name, input, deadline: given.append(input),
    )
    out = run(facts_of(acme), """
        const key = await sdk.secrets.get("bank_api_key");
        await sdk.cache.set("k", { key }); await sdk.cache.shared.set("k", [key]); await sdk.once("k", () => "Bearer " + key);
        await sdk.events.publish("a.b", { key }); await sdk.scripts.run("Other", { key });
    """)  # fmt: skip
    assert out.error is None
    assert given == [{"key": "••••"}] * 2
    look = "return [await sdk.cache.get('k'), await sdk.cache.shared.get('k'), await sdk.once('k', () => 1)];"
    assert run(facts_of(acme), look).value == [{"key": "••••"}, ["••••"], "Bearer ••••"]


def test_what_was_not_read_is_not_masked(run: Run, facts_of: Facts, acme: Tenant, secret: Secret) -> None:
    assert run(facts_of(acme), "return context.input", input=VALUE).value == VALUE


KEPT_IN_THE_OPEN = [
    "sdk.once(key, () => 1)",
    "sdk.cache.set(key, 1)",
    "sdk.cache.shared.increment('n-' + key)",
    "sdk.events.publish(key.toLowerCase(), 1)",
]


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("call", KEPT_IN_THE_OPEN)
def test_names_that_are_kept_in_the_open_hold_no_secret(
    run: Run, facts_of: Facts, acme: Tenant, secret: Secret, call: str
) -> None:
    out = run(facts_of(acme), f"const key = await sdk.secrets.get('bank_api_key'); return await {call};")
    assert out.error is not None
    assert out.error.code == "INVALID_INPUT"
    assert "hash" in out.error.message
    assert VALUE not in out.error.message


LEFT_OF_IT = [
    "console.log({ pad: 'x'.repeat(3970), key }, 'and more')",
    "console.log(new Error('x'.repeat(7985) + key), 'and more')",
    "console.log('x'.repeat(4030) + key + 'x'.repeat(8000))",
    "throw new Error('x'.repeat(3985) + key)",
    "JSON.parse(key)",
    "JSON.parse('[1, ' + key + ']')",
    "await sdk.http.request({ url: 'https://example.com', method: key })",
    "await sdk.http.request({ url: 'https://example.com', [key.repeat(2)]: 1 })",
    "await sdk.db.query('SELECT 1 AS ' + key.repeat(3))",
]


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("showing", LEFT_OF_IT)
def test_what_a_shortened_text_left_of_a_secret_is_masked(
    run: Run, facts_of: Facts, acme: Tenant, business: None, secret: Secret, showing: str
) -> None:
    out = run(facts_of(acme), f"const key = await sdk.secrets.get('bank_api_key'); {showing};")
    shown = f"{out.error} {out.logs}".lower()
    assert "••••" in shown
    assert not [at for at in range(len(VALUE) - 7) if VALUE[at : at + 8].lower() in shown]


def test_reading_is_audited_once_a_run_and_dated(
    app: Flask, run: Run, facts_of: Facts, acme: Tenant, secret: Secret
) -> None:
    facts = facts_of(acme)
    source = "await Promise.all([1, 2, 3].map(() => sdk.secrets.get('bank_api_key')));"
    assert run(facts, source).error is None
    (entry,) = audited(app, "secret.used")
    assert (entry.target_label, entry.actor_label, entry.after["execution"]) == (
        "bank_api_key",
        "Script",
        str(facts.execution_id),
    )
    assert entry.request_id == "request-of-the-run"
    with app.app_context(), as_system(db.session):
        known = db.session.get_one(Secret, secret.id)
        assert known.last_used_at is not None
        assert known.updated_at == secret.updated_at
    run(facts_of(acme), source)
    assert len(audited(app, "secret.used")) == 2


@pytest.mark.parametrize("argument", ["", "undefined", "null", "5", "{}", "['bank_api_key']", "'nobody'", "'bank_api_key\\0'", "'x'.repeat(100000)",
                                      "'BANK_API_KEY'", "\"' OR 1=1 --\"", "'%'"])  # fmt: skip
def test_no_other_name_finds_a_secret(run: Run, facts_of: Facts, acme: Tenant, secret: Secret, argument: str) -> None:
    out = run(facts_of(acme), f"return await sdk.secrets.get({argument})")
    assert out.error.code in ("SECRET_NOT_FOUND", "INVALID_INPUT")
    assert len(out.error.message) < 300


# ---- events and scripts


def test_an_event_goes_through_the_door_with_who_sent_it(app: Flask, run: Run, facts_of: Facts, acme: Tenant) -> None:
    sent: list[Any] = []

    def publish(facts: RunFacts, type: str, data: Any) -> str:
        sent.append((facts, type, data, db.session.info["tenant"]))
        return "0197"

    app.extensions["doors"] = Doors(publish=publish)
    facts = facts_of(acme, chain_depth=3)
    out = run(facts, "return [await sdk.events.publish('sales.order.paid', {order: 7}), await events.publish('paid')];")
    assert out.value == [{"id": "0197"}, {"id": "0197"}]
    assert sent == [(facts, "sales.order.paid", {"order": 7}, acme.id), (facts, "paid", None, acme.id)]


@pytest.mark.parametrize(("call", "depth", "code"), [
    ("events.publish('a.b', 1)", 4, "LOOP_GUARD"), ("scripts.run('a')", 4, "LOOP_GUARD"),
    ("events.publish('dastgoh.script.updated', 1)", 0, "PERMISSION_DENIED"),
    ("events.publish('A.b')", 0, "INVALID_INPUT"), ("events.publish('a.b.c.d')", 0, "INVALID_INPUT"),
    ("events.publish('a..b')", 0, "INVALID_INPUT"), ("events.publish('a.b\\n')", 0, "INVALID_INPUT"),
    ("events.publish()", 0, "INVALID_INPUT"), ("events.publish({})", 0, "INVALID_INPUT"),
    ("scripts.run()", 0, "INVALID_INPUT"), ("scripts.run('')", 0, "INVALID_INPUT"), ("scripts.run({a: 1})", 0, "INVALID_INPUT"),
])  # fmt: skip
def test_what_may_not_start_anything_starts_nothing(
    app: Flask, run: Run, facts_of: Facts, acme: Tenant, call: str, depth: int, code: str
) -> None:
    def never(*_: Any) -> str:
        raise AssertionError("started")

    app.extensions["doors"] = Doors(publish=never, run_script=never)
    assert run(facts_of(acme, chain_depth=depth), f"await sdk.{call}").error.code == code


def test_another_script_runs_within_the_time_that_is_left(app: Flask, run: Run, facts_of: Facts, acme: Tenant) -> None:
    asked: list[Any] = []

    def run_script(facts: RunFacts, name: str, input: Any, deadline: float | None) -> Any:
        asked.append((name, input, deadline))
        return input["price"] * 2

    app.extensions["doors"] = Doors(run_script=run_script)
    began = time.monotonic()
    assert (
        run(facts_of(acme), "return await sdk.scripts.run('Tax', {price: 21})", limits=Limits(timeout_ms=5_000)).value
        == 42
    )
    run(facts_of(acme, deadline=began + 1), "await sdk.scripts.run('Tax', {price: 1})")
    assert [item[:2] for item in asked] == [("Tax", {"price": 21}), ("Tax", {"price": 1})]
    assert began < asked[0][2] < began + 30
    assert asked[1][2] == began + 1


def test_a_person_who_may_not_execute_calls_no_other_script(
    app: Flask, run: Run, facts_of: Facts, acme: Tenant
) -> None:
    app.extensions["doors"] = Doors(run_script=lambda *_: "ran")
    call = "return await sdk.scripts.run('Other')"
    assert run(facts_of(acme, user_id=uuid4()), call).error.code == "PERMISSION_DENIED"
    assert run(facts_of(acme, user_id=uuid4(), permissions=frozenset({"scripts.execute"})), call).value == "ran"
    assert run(facts_of(acme), call).value == "ran"


@pytest.mark.parametrize(("refusal", "code"), [
    (NotFound("There is no script."), "INVALID_INPUT"), (RateLimited(3.0, "Wait %(seconds)s s."), "RATE_LIMITED"),
    (HostError("TIMEOUT", "the other script took too long"), "TIMEOUT"), (ZeroDivisionError("/srv/secret/path"), "RUNTIME_ERROR"),
])  # fmt: skip
def test_what_happens_behind_a_door_reaches_the_script_as_a_coded_error(
    app: Flask, run: Run, facts_of: Facts, acme: Tenant, refusal: Exception, code: str
) -> None:
    def refuse(*_: Any) -> None:
        raise refusal

    app.extensions["doors"] = Doors(run_script=refuse)
    out = run(facts_of(acme), "await sdk.scripts.run('Other')")
    assert out.error.code == code
    assert "/srv" not in str(out.error)


def test_without_doors_it_says_so(app: Flask, run: Run, facts_of: Facts, acme: Tenant) -> None:
    app.extensions["doors"] = Doors()
    for call in ("events.publish('a')", "scripts.run('a')"):
        assert run(facts_of(acme), f"await sdk.{call}").error.code == "FEATURE_DISABLED"


# ---- once


COUNTED = "return await sdk.once('k', async () => { const n = await sdk.cache.increment('ran'); await sdk.sleep(60); return {n}; });"


def test_later_runs_get_the_first_ones_result(run: Run, facts_of: Facts, acme: Tenant) -> None:
    assert [run(facts_of(acme, attempt=attempt), COUNTED).value for attempt in (1, 2, 3)] == [{"n": 1}] * 3
    assert run(facts_of(acme, "Another script"), COUNTED).value == {"n": 1}
    assert run(facts_of(acme, "Another script"), "return await sdk.cache.get('ran')").value == 1


def test_runs_at_the_same_time_run_it_once(
    run: Run, facts_of: Facts, acme: Tenant, side_by_side: Callable[..., list[Any]]
) -> None:
    outcomes = side_by_side(*[lambda: run(facts_of(acme), COUNTED)] * 3)
    assert [out.value for out in outcomes] == [{"n": 1}] * 3
    assert run(facts_of(acme), "return await sdk.cache.get('ran')").value == 1


@pytest.mark.parametrize("result", ["'x'.repeat(100_000)", "5n", "(() => { const a = {}; a.a = a; return a; })()"])
def test_what_was_done_is_not_done_again_because_its_result_cannot_be_kept(
    run: Run, facts_of: Facts, acme: Tenant, result: str
) -> None:
    out = run(facts_of(acme), f"""
        let code;
        try {{ await sdk.once("k", () => {result}); }} catch (error) {{ code = error.code; }}
        return [code, await sdk.once("k", () => "again")];
    """, limits=Limits(timeout_ms=4_000))  # fmt: skip
    assert out.value == ["INVALID_INPUT", None]
    assert run(facts_of(acme), "return await sdk.once('k', () => 'again')").value is None


def test_the_trace_says_which_key_it_was_and_what_became_of_it(run: Run, facts_of: Facts, acme: Tenant) -> None:
    source = "return await sdk.once('invoice-7', () => 1);"
    notes = [[call.note for call in run(facts_of(acme), source).calls] for _ in range(2)]
    assert notes == [[("first", "invoice-7"), None], [("kept", "invoice-7")]]


def test_calls_of_one_run_run_it_once(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(
        facts_of(acme),
        "let n = 0; const one = () => sdk.once('k', () => ++n); return await Promise.all([one(), one(), one()]);",
    )
    assert out.value == [1, 1, 1]


def test_a_function_that_throws_frees_the_key(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(facts_of(acme), "await sdk.once('k', () => { throw new Error('not today'); })")
    assert out.error.message == "not today"
    assert run(facts_of(acme), "return await sdk.once('k', () => 'now')").value == "now"


@pytest.mark.parametrize(
    "death",
    ["while (true) {}", "await new Promise(() => {})", "const a = []; while (true) a.push(new Array(1e6).fill(1.5));"],
)
def test_a_run_that_dies_inside_frees_the_key(run: Run, facts_of: Facts, acme: Tenant, death: str) -> None:
    out = run(
        facts_of(acme), f"await sdk.once('k', async () => {{ {death} }})", limits=Limits(timeout_ms=1_500, memory_mb=64)
    )
    assert out.error is not None
    assert run(facts_of(acme), "return await sdk.once('k', () => 'now')").value == "now"


def test_a_cancelled_waiter_leaves_the_holder_alone(
    run: Run, facts_of: Facts, acme: Tenant, sdk_runtime: Runtime
) -> None:
    slow = "return await sdk.once('k', async () => { console.log('inside'); await sdk.sleep(3000); return 'kept'; });"
    first: list[Outcome] = []
    inside = threading.Event()
    holder = threading.Thread(target=lambda: first.append(run(facts_of(acme), slow, on_log=lambda _line: inside.set())))
    holder.start()
    assert inside.wait(20)

    def cancel_soon() -> None:
        threading.Timer(0.2, sdk_runtime.cancel, ["waiter"]).start()

    waiter = "await sdk.once('k', () => 'mine')"
    assert run(facts_of(acme), waiter, execution_id="waiter", on_start=cancel_soon).error.code == "CANCELLED"
    holder.join(30)
    assert first[0].value == "kept"


@pytest.mark.parametrize("result", ["undefined", "null", "0", "false", "''", "[]", "{a: [1, {b: 'ʻ'}]}", "'a\\ufffdb'"])
def test_any_result_is_kept(run: Run, facts_of: Facts, acme: Tenant, result: str) -> None:
    run(facts_of(acme), f"await sdk.once('k', () => ({result}))")
    out = run(facts_of(acme), f"return [await sdk.once('k', () => 'again'), ({result}) ?? null];")
    assert out.value[0] == out.value[1]


def test_a_result_no_database_can_keep_is_kept_as_well_as_it_can_be(run: Run, facts_of: Facts, acme: Tenant) -> None:
    run(facts_of(acme), r"await sdk.once('k', () => ({'a\0': 'b\0c\ud800'}))")
    assert run(facts_of(acme), "return await sdk.once('k', () => 'again')").value == {"a\ufffd": "b\ufffdc\ufffd"}


@pytest.mark.parametrize(
    "call",
    [
        "once('k')",
        "once()",
        "once(5, () => 1)",
        "once('', () => 1)",
        "once('x'.repeat(201), () => 1)",
        "once({}, () => 1)",
    ],
)
def test_a_wrong_use_is_an_error_and_holds_nothing(run: Run, facts_of: Facts, acme: Tenant, call: str) -> None:
    assert run(facts_of(acme), f"await sdk.{call}").error is not None
    assert run(facts_of(acme), "return await sdk.once('k', () => 'free')").value == "free"


def test_no_run_can_finish_what_another_holds(app: Flask, facts_of: Facts, acme: Tenant) -> None:
    with app.app_context(), granted(facts_of(acme)) as holder, granted(facts_of(acme)) as thief:
        assert current_call() is None
        begun = holder.host.get("once.begin")("k")
        with pytest.raises(HostError):
            thief.host.get("once.finish")("k", "guess", "stolen")
        for key, token in (("k", "guess"), ("k", ""), ("k", begun["token"])):
            with pytest.raises(HostError):
                thief.host.get("once.fail")(key, token)
        holder.host.get("once.finish")("k", begun["token"], "kept")
        with pytest.raises(HostError):
            thief.host.get("once.fail")("k", "")
        assert thief.host.get("once.begin")("k") == {"state": "done", "value": "kept"}
    wiring.close(app)
