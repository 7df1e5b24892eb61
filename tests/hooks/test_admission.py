"""Who is let in, and who is not: tokens, signatures, replays, rates, other businesses."""

import json
import time
from types import SimpleNamespace

import pytest
from redis import Redis
from sqlalchemy import select, update

from models import AuditEntry, Tenant, db
from models.tenancy import as_system, as_tenant
from services import direct, endpoints, scripts, secrets
from services.endpoints import Changes
from services.hooks.signatures import Scheme, signed_headers

KEY = "a key that only shop and we know"
BODY = json.dumps({"order": 17}, indent=2).encode()


@pytest.fixture
def secret(app, alice):
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        return secrets.create(alice.principal, "shop_key", KEY)


def signed(endpoint, body=BODY, key=KEY, now=None):
    return signed_headers(Scheme(**endpoint.options["signature"]), key, body, now or time.time())


# ---- tokens


def test_a_token_of_the_business_opens_and_its_owner_is_who_the_script_sees(serve, world, token_of, alice, runs):
    serve("return [context.user.email, context.user.permissions]", auth="token")
    answer = world.post("/hooks/acme/orders", headers={"Authorization": f"bearer {token_of(alice)}"})
    assert answer.json == ["alice@acme.test", ["scripts.execute"]]
    assert runs()[0].user_id == alice.id


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer dgh_nothing", "Basic YTpi", "dgh_x", "Bearer \xff"]
)
def test_without_a_token_nothing_runs(serve, world, runs, authorization):
    serve(auth="token")
    answer = world.post("/hooks/acme/orders", headers={"Authorization": authorization})
    assert (answer.status_code, answer.json["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="dastgoh"'
    assert runs() == []


def test_a_token_of_another_business_or_with_too_few_rights_opens_nothing(
    serve, world, token_of, bob, charlie, alice, runs
):
    serve(auth="token")
    for person, permissions, status in (
        (charlie, ("scripts.execute",), 401),
        (bob, ("scripts.read",), 403),
        (alice, ("scripts.read",), 403),
    ):
        headers = {"Authorization": f"Bearer {token_of(person, permissions)}"}
        assert world.post("/hooks/acme/orders", headers=headers).status_code == status
    assert runs() == []


def test_a_browser_that_is_signed_in_is_a_stranger_here(serve, alice, sign_in, runs):
    serve(auth="token")
    assert sign_in(alice).client.post("/hooks/acme/orders").status_code == 401
    assert runs() == []


# ---- signatures


@pytest.mark.parametrize("preset", ["plain", "github", "stripe", "shopify", "slack"])
def test_a_signed_request_is_let_in_once(serve, world, secret, preset, runs):
    endpoint = serve(
        "return context.request.rawBody",
        auth="signature",
        options={"signature": {"preset": preset, "secret": "shop_key"}},
    )
    headers = signed(endpoint)
    assert world.post("/hooks/acme/orders", data=BODY, headers=headers).json == BODY.decode()
    again = world.post("/hooks/acme/orders", data=BODY, headers=headers)
    assert (again.status_code, again.json["code"]) == (409, "REPLAYED")
    assert len(runs()) == 1


def test_a_signed_request_with_its_key_again_has_the_first_answer_and_with_any_other_none(serve, world, secret, runs):
    endpoint = serve("return context.execution.id", auth="signature",
                     options={"signature": {"preset": "github", "secret": "shop_key"}})  # fmt: skip

    def sent(**key):
        return world.post("/hooks/acme/orders", data=BODY, headers={**signed(endpoint), **key})

    first, again = (sent(**{"Idempotency-Key": "order-17"}) for _ in range(2))
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    for key in ({}, {"Idempotency-Key": "order-18"}, {"Idempotency-Key": "order-18"}):
        assert sent(**key).json["code"] == "REPLAYED"
    assert len(runs()) == 1


@pytest.fixture
def guarded(serve, secret):
    return serve("return 1", auth="signature", options={"signature": {"secret": "shop_key"}})


def test_a_wrong_key_an_altered_byte_and_an_old_signature_are_refused(guarded, world, runs):
    pretty, compact = BODY, json.dumps(json.loads(BODY)).encode()
    for body, headers in (
        (pretty, {}), (pretty, signed(guarded, key=KEY[:-1])), (pretty[:-1] + b" ", signed(guarded)), (compact, signed(guarded)),
        (pretty, signed(guarded, now=time.time() - 301)), (pretty, signed(guarded, now=time.time() + 310)), (b"", signed(guarded)),
    ):  # fmt: skip
        answer = world.post("/hooks/acme/orders", data=body, headers=headers, content_type="application/json")
        assert (answer.status_code, answer.json["code"]) == (401, "BAD_SIGNATURE")
        assert (KEY not in answer.text and "signature" in answer.json["detail"].lower()) or "timestamp" in answer.json[
            "detail"
        ]
    assert runs() == []


def test_a_request_that_came_to_nothing_may_be_sent_again(serve, world, secret, app):
    endpoint = serve("if (context.request.query.fail) throw new Error('no'); return 1", auth="signature",
                     options={"signature": {"preset": "github", "secret": "shop_key"}})  # fmt: skip
    headers = signed(endpoint)
    assert world.post("/hooks/acme/orders?fail=1", data=BODY, headers=headers).status_code == 500
    assert world.post("/hooks/acme/orders", data=BODY, headers=headers).status_code == 200


def test_a_signature_is_taken_for_minutes_while_its_run_goes_on_and_for_good_when_it_did_well(
    serve, world, secret, app, monkeypatch
):
    """So a server that dies with the run leaves its sender a next attempt."""
    endpoint = serve("return 1", auth="signature", options={"signature": {"preset": "github", "secret": "shop_key"}})
    redis, run, during = app.extensions["redis"], direct.run, []

    def watched(*given):
        during.append(left())
        return run(*given)

    def left():
        [key] = redis.keys("signature:*")
        return redis.ttl(key)

    monkeypatch.setattr(direct, "run", watched)
    assert world.post("/hooks/acme/orders", data=BODY, headers=signed(endpoint)).status_code == 200
    assert 0 < during[0] <= 360 and left() > 80_000


def test_without_redis_nobody_can_rule_out_a_replay(guarded, world, app, runs):
    app.extensions["redis"] = Redis(unix_socket_path="/nowhere/redis.sock")
    answer = world.post("/hooks/acme/orders", data=BODY, headers=signed(guarded))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert runs() == []


def test_a_secret_that_is_gone_says_so_without_saying_which(guarded, world, secret, app, alice, runs):
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        secrets.delete(alice.principal, secret.id)
    answer = world.post("/hooks/acme/orders", data=BODY, headers=signed(guarded))
    assert (answer.status_code, answer.json["code"]) == (500, "MISCONFIGURED")
    assert "shop_key" not in answer.text and runs() == []


def test_another_business_has_no_secret_of_that_name(serve, world, secret, charlie):
    endpoint = serve("return 1", person=charlie, auth="signature", options={"signature": {"secret": "shop_key"}})
    assert world.post("/hooks/globex/orders", data=BODY, headers=signed(endpoint)).json["code"] == "MISCONFIGURED"


def test_use_of_the_secret_is_audited_without_flooding_the_log(guarded, world, app):
    for number in range(3):
        body = str(number).encode()
        assert world.post("/hooks/acme/orders", data=body, headers=signed(guarded, body)).status_code == 200
    with app.app_context(), as_system(db.session):
        used = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "secret.used")).all()
        assert len(used) == 1 and KEY not in str(vars(used[0]))


# ---- rates


def test_more_requests_a_minute_than_it_takes_are_put_off(serve, world, runs):
    serve("return 1", options={"rate_per_minute": 3})
    statuses = [world.post("/hooks/acme/orders").status_code for _ in range(7)]  # at most one minute ends meanwhile
    assert statuses.count(200) in range(3, 7) and 429 in statuses
    answer = next(a for a in (world.post("/hooks/acme/orders") for _ in range(8)) if a.status_code == 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert len(runs()) < 15


def test_whoever_comes_again_as_told_is_let_in(serve, world, monkeypatch):
    serve("return 1", options={"rate_per_minute": 1})
    now = 1_000_000_020 + 13.6  # 46.4 s before the minute's end
    monkeypatch.setattr("services.throttle.time", SimpleNamespace(time=lambda: now))
    statuses = [world.post("/hooks/acme/orders").status_code]
    put_off = world.post("/hooks/acme/orders")
    now += int(put_off.headers["Retry-After"])
    statuses += [put_off.status_code, world.post("/hooks/acme/orders").status_code]
    assert statuses == [200, 429, 200]


def use_up(endpoint, minutes):
    minutes.use_up(endpoint.tenant_id)
    minutes.pass_by(seconds=20)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_business_that_has_had_its_runs_of_this_minute_answers_when_to_come_again(serve, world, runs, minutes, mode):
    use_up(serve("return 1", mode=mode), minutes)
    answer = world.post("/hooks/acme/orders", headers={"Idempotency-Key": "once"})

    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (429, "QUOTA_EXCEEDED", "40")
    assert answer.mimetype == "application/problem+json"
    assert runs() == []

    minutes.pass_by(seconds=40)
    again = world.post("/hooks/acme/orders", headers={"Idempotency-Key": "once"})
    assert again.status_code == (200 if mode == "sync" else 202), "the key was not used up"


def test_a_request_that_is_only_repeated_is_answered_all_the_same(serve, world, minutes):
    endpoint = serve("return 7")
    assert world.post("/hooks/acme/orders", headers={"Idempotency-Key": "once"}).json == 7
    minutes.use_up(endpoint.tenant_id)
    assert world.post("/hooks/acme/orders").status_code == 429
    again = world.post("/hooks/acme/orders", headers={"Idempotency-Key": "once"})
    assert (again.status_code, again.json, again.headers["Idempotency-Replayed"]) == (200, 7, "true")


def test_a_signed_request_that_came_too_soon_may_be_sent_again(guarded, world, minutes):
    use_up(guarded, minutes)
    headers = signed(guarded)
    assert world.post("/hooks/acme/orders", data=BODY, headers=headers).status_code == 429
    minutes.pass_by(seconds=40)
    assert world.post("/hooks/acme/orders", data=BODY, headers=headers).status_code == 200


# ---- nothing is here


def test_whatever_is_not_there_answers_the_same(serve, world, alice, charlie, app, runs):
    off, of_disabled, gone = (serve("return 1", path) for path in ("off", "disabled", "gone"))
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        endpoints.update(alice.principal, off.id, Changes(enabled=False))
        scripts.save(alice.principal, of_disabled.script_id, scripts.Changes(enabled=False))
        scripts.delete(alice.principal, gone.script_id)
    answers = [world.post(f"/hooks/{path}") for path in (
        "acme/off", "acme/disabled", "acme/gone", "acme/never", "nobody/never", "acme", "acme/", "", "ACME/../acme/off", "globex/off",
        "acme/%0A", "%0A", "acme/off%0A", "/acme/off", "acme/" + "x/" * 60, "x" * 500 + "/y", "acme/%00", "acme/%FF", "acme%2Foff",
    )]  # fmt: skip
    bodies = [{**answer.json, "request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {404} and all(body == bodies[0] for body in bodies)
    assert all(answer.headers["Content-Security-Policy"].startswith("sandbox") for answer in answers)
    assert runs() == []


def test_a_closed_business_answers_nothing(serve, world, app, acme):
    serve("return 1")
    with app.app_context(), as_system(db.session):
        db.session.execute(update(Tenant).where(Tenant.id == acme.id).values(is_active=False))
        db.session.commit()
    assert world.post("/hooks/acme/orders").status_code == 404


def test_two_businesses_have_the_same_path_and_each_its_own_script(serve, world, charlie):
    serve("return 'acme'")
    serve("return 'globex'", person=charlie)
    assert (world.post("/hooks/acme/orders").json, world.post("/hooks/globex/orders").json) == ("acme", "globex")


# ---- methods


def test_each_method_finds_its_own_script_and_the_literal_path_goes_first(serve, world):
    serve("return 'one'", "orders/:id", methods=["GET", "DELETE"])
    serve("return 'new'", "orders/new", methods=["GET"])
    serve("return 'post'", "orders/:order", methods=["POST"])
    serve("return 'any'", ":kind/new", methods=["GET", "PUT"])
    calls = {("GET", "orders/7"): "one", ("GET", "orders/new"): "new", ("DELETE", "orders/new"): "one", ("POST", "orders/new"): "post",
             ("PUT", "orders/new"): "any", ("GET", "bills/new"): "any"}  # fmt: skip
    assert {call: world.open(f"/hooks/acme/{call[1]}", method=call[0]).json for call in calls} == calls


def test_a_method_nobody_answers_is_told_which_are(serve, world, runs):
    serve("return 1", methods=["GET", "PUT"])
    answer = world.delete("/hooks/acme/orders")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, PUT")
    assert answer.json["code"] == "METHOD_NOT_ALLOWED"
    answer = world.options("/hooks/acme/orders")
    assert (answer.status_code, answer.headers["Allow"], answer.data) == (204, "GET, HEAD, OPTIONS, PUT", b"")
    assert runs() == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "ANYTHING"])
def test_a_method_that_nobody_can_answer_is_refused_like_any_other(serve, world, runs, method):
    serve("return 1", "orders/:id", methods=["POST"])
    answer = world.open("/hooks/acme/orders/1", method=method)
    assert (answer.status_code, answer.headers["Allow"], answer.mimetype) == (
        405, "OPTIONS, POST", "application/problem+json",
    )  # fmt: skip
    assert world.open("/hooks/acme/nothing", method=method).json["code"] == "NOT_FOUND"
    assert runs() == []


def test_head_is_get_without_the_body(serve, world):
    serve("return {body: context.request.method, headers: {'x-a': 'b'}}", methods=["GET"])
    answer = world.head("/hooks/acme/orders")
    assert (answer.status_code, answer.data, answer.headers["X-A"], answer.headers["Content-Length"]) == (
        200,
        b"",
        "b",
        "4",
    )


def test_options_that_a_script_answers_itself_reach_it(serve, world):
    serve("return context.request.method", methods=["OPTIONS"])
    assert world.options("/hooks/acme/orders").json == "OPTIONS"


# ---- pages of other sites


PREFLIGHT = {
    "Origin": "https://shop.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "Content-Type,X-A",
}


def test_a_page_of_a_permitted_site_may_call(serve, world, runs):
    serve("throw new Error('x')", options={"cors": {"origins": ["https://shop.example"], "max_age_s": 60}})
    asked = world.options("/hooks/acme/orders", headers=PREFLIGHT)
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, "https://shop.example")
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST"
    assert (asked.headers["Access-Control-Allow-Headers"], asked.headers["Access-Control-Max-Age"]) == (
        "content-type,x-a",
        "60",
    )
    assert "Access-Control-Allow-Credentials" not in asked.headers and runs() == []
    called = world.post("/hooks/acme/orders", headers={"Origin": "https://shop.example"})
    assert (called.status_code, called.headers["Access-Control-Allow-Origin"]) == (500, "https://shop.example")
    assert "Origin" in called.headers["Vary"] and "X-Execution-Id" in called.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
        "null",
        "",
        "https://SHOP.example",
    ],
)
def test_a_page_of_another_site_is_not_permitted(serve, world, origin):
    serve("return 1", options={"cors": {"origins": ["https://shop.example"]}})
    for answer in (world.options("/hooks/acme/orders", headers={**PREFLIGHT, "Origin": origin}),
                   world.post("/hooks/acme/orders", headers={"Origin": origin})):  # fmt: skip
        assert "Access-Control-Allow-Origin" not in answer.headers and "Origin" in answer.headers["Vary"]


def test_without_cors_no_other_site_is_permitted_and_with_a_star_all_are(serve, world):
    serve("return 1", "closed")
    serve("return 1", "open", options={"cors": {"origins": ["*"], "headers": ["X-B"]}})
    closed, opened = (world.options(f"/hooks/acme/{path}", headers=PREFLIGHT) for path in ("closed", "open"))
    assert closed.status_code == 204 and "Access-Control-Allow-Origin" not in closed.headers
    assert (opened.headers["Access-Control-Allow-Origin"], opened.headers["Access-Control-Allow-Headers"]) == (
        "*",
        "x-b",
    )
    forged = {**PREFLIGHT, "Access-Control-Request-Headers": "x-a\tSet-Cookie: b"}
    serve("return 1", "any", options={"cors": {"origins": ["*"]}})
    assert "Access-Control-Allow-Headers" not in world.options("/hooks/acme/any", headers=forged).headers


def test_authorization_reaches_only_scripts_that_check_it_themselves(serve, world, token_of, alice):
    source = "return context.request.headers.authorization ?? null"
    serve(source, "public", options={"forward_authorization": True})
    serve(source, "token", auth="token", options={"forward_authorization": True})
    headers = {"Authorization": f"Bearer {token_of(alice)}", "Cookie": "a=b"}
    assert world.post("/hooks/acme/public", headers=headers).json == headers["Authorization"]
    assert world.post("/hooks/acme/token", headers=headers).status_code == 204
