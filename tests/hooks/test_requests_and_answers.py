"""What a script sees of a request, and what its caller gets of what it returns."""

import base64
import io
import json

import pytest

from tests.support.http import IN_CHUNKS


def test_a_script_sees_the_whole_request_and_nothing_that_opens_other_doors(serve, world):
    serve(path="orders/:id/lines/:line")
    answer = world.post(
        "/hooks/acme/orders/17/lines/a%2Fb?x=1&x=2&y=&%D1%84=%D1%8B", data='{\n  "total": 5\n}', content_type="application/json",
        headers={"Authorization": "Bearer mine", "Cookie": "dastgoh_session=x", "X-Thing": "Yes"},
    )  # fmt: skip
    assert answer.status_code == 200
    seen = answer.json
    assert (seen["method"], seen["path"]) == ("POST", "/orders/17/lines/a%2Fb")
    assert seen["params"] == {"id": "17", "line": "a/b"}
    assert seen["query"] == {"x": ["1", "2"], "y": "", "ф": "ы"}
    assert (seen["body"], seen["rawBody"]) == ({"total": 5}, '{\n  "total": 5\n}')
    assert seen["headers"]["x-thing"] == "Yes" and seen["headers"]["content-type"] == "application/json"
    assert not {"authorization", "cookie"} & seen["headers"].keys()


@pytest.mark.parametrize(("body", "content_type", "parsed", "raw", "encoding"), [
    (b"a=1&b=%20&a=2", "application/x-www-form-urlencoded", {"a": ["1", "2"], "b": " "}, "a=1&b=%20&a=2", "utf-8"),
    ("привет".encode(), "text/plain; charset=utf-8", "привет", "привет", "utf-8"),
    (b"\x00\xff\x01", "application/octet-stream", None, base64.b64encode(b"\x00\xff\x01").decode(), "base64"),
    (b"", "application/json", None, "", "utf-8"),
    (b'[1, 2]', "application/vnd.shop+json", [1, 2], "[1, 2]", "utf-8"),
    ('\ufeff{"a":1}'.encode(), "application/json", {"a": 1}, '\ufeff{"a":1}', "utf-8"),
])  # fmt: skip
def test_bodies_are_read_as_what_they_are(serve, world, body, content_type, parsed, raw, encoding):
    serve()
    seen = world.post("/hooks/acme/orders", data=body, content_type=content_type).json
    assert (seen["body"], seen["rawBody"], seen["rawBodyEncoding"]) == (parsed, raw, encoding)


@pytest.mark.parametrize(
    "body", [b"{", b"nan", b'{"a": NaN}', b'{"a": 1e999}', b"\xff", b'"\\ud800"', b'"\\u0000"', b"[" * 5000]
)
def test_what_says_it_is_json_and_is_not_is_refused_before_anything_runs(serve, world, body, runs):
    serve()
    answer = world.post("/hooks/acme/orders", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "INVALID_INPUT")
    assert runs() == []


@pytest.mark.parametrize(("source", "status", "content_type", "body"), [
    ("return {city: 'Тошкент'}", 200, "application/json", '{"city":"Тошкент"}'.encode()),
    ("return [1, 2]", 200, "application/json", b"[1,2]"),
    ("return 'text'", 200, "application/json", b'"text"'),
    ("return 0", 200, "application/json", b"0"),
    ("return {}", 200, "application/json", b"{}"),
    ("return {status: 'paid'}", 200, "application/json", b'{"status":"paid"}'),
    ("return {status: 201, total: 5}", 200, "application/json", b'{"status":201,"total":5}'),
    ("return null", 204, None, b""),
    ("let nothing = 1", 204, None, b""),
    ("return {status: 201}", 201, None, b""),
    ("return {status: 201, body: {id: 7}}", 201, "application/json", b'{"id":7}'),
    ("return {body: 'plain'}", 200, "text/plain; charset=utf-8", b"plain"),
    ("return {body: '<p>', headers: {'content-type': 'text/html; charset=utf-8'}}", 200, "text/html; charset=utf-8", b"<p>"),
    ("return {body: 'AP8=', encoding: 'base64', headers: {'Content-Type': 'image/png'}}", 200, "image/png", b"\0\xff"),
    ("return {body: 'AP8=', encoding: 'base64'}", 200, "application/octet-stream", b"\0\xff"),
    ("return {status: 204, body: 'dropped'}", 204, None, b""),
    ("return {status: 404, body: {error: 'no such order'}}", 404, "application/json", b'{"error":"no such order"}'),
])  # fmt: skip
def test_what_a_script_returns_is_what_its_caller_gets(serve, world, source, status, content_type, body):
    serve(source)
    answer = world.post("/hooks/acme/orders")
    assert (answer.status_code, answer.headers.get("Content-Type"), answer.data) == (status, content_type, body)


def test_headers_and_redirects_go_out_as_the_script_says(serve, world):
    serve("""return {status: 302, headers: {location: 'https://shop.example/thanks', 'x-total': 5, Link: ['<a>', '<b>'],
                     'cache-control': 'max-age=60'}}""")
    answer = world.post("/hooks/acme/orders")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/thanks")
    assert (answer.headers["X-Total"], answer.headers["Link"]) == ("5", "<a>, <b>")
    assert answer.headers["Cache-Control"] == "max-age=60"


def test_addresses_headers_and_queries_that_nobody_would_write_do_no_harm(serve, world, runs):
    serve(path="orders/:id")
    assert world.post("/hooks/acme/orders/7?a=%00").status_code == 400
    assert world.post("/hooks/acme/orders/7?" + "&".join(f"a{n}=1" for n in range(1_500))).status_code in (400, 414)
    seen = world.post(
        "/hooks/acme/orders/%F0%9F%98%80?a=%ff&b&=c&__proto__=d", headers={"X-A": "\xff\xfe", "X_B": "c"}
    ).json
    assert seen["params"] == {"id": "😀"} and seen["query"] == {"a": "\ufffd", "b": "", "": "c", "__proto__": "d"}
    assert seen["headers"]["x-a"] == "ÿþ"
    assert len(runs()) == 1


def test_what_our_own_pages_are_told_never_leaves_by_an_endpoint(serve, world, alice, sign_in, app):
    serve("return {headers: {'Content-Type': 'text/html'}, body: 'x'}")
    browser = sign_in(alice)
    with browser.client.session_transaction() as session:
        session["_flashes"] = [("ok", "a message for Alice")]
    answer = browser.client.post("/hooks/acme/orders", headers={"HX-Request": "true"})
    assert answer.data == b"x" and "Alice" not in str(answer.headers) and "Set-Cookie" not in answer.headers
    assert "a message for Alice" in browser.get("/profile").text


HARMFUL = [
    "{status: 199}", "{status: 600}", "{status: 100}", "{status: 200.5}", "{status: -1}",
    "{headers: {'Set-Cookie': 'dastgoh_session=x'}}", "{headers: {'set-cookie': 'a=b'}}", "{headers: {Connection: 'close'}}",
    "{headers: {'Transfer-Encoding': 'chunked'}}", "{headers: {'Content-Length': '5'}}", "{headers: {Upgrade: 'h2c'}}",
    "{headers: {'Content-Security-Policy': ''}}", "{headers: {'Access-Control-Allow-Origin': '*'}}",
    "{headers: {'X-Accel-Redirect': '/etc/passwd'}}", "{headers: {'X-Sendfile': '/etc/passwd'}}",
    "{headers: {'Clear-Site-Data': '\"*\"'}}", "{headers: {'Service-Worker-Allowed': '/'}}", "{headers: {Refresh: '0;url=/'}}",
    "{headers: {'Strict-Transport-Security': 'max-age=0'}}", "{headers: {'WWW-Authenticate': 'Basic'}}",
    "{headers: {'Cross-Origin-Opener-Policy': 'unsafe-none'}}", "{headers: {'X-Execution-Id': 'other'}}",
    "{headers: {'X-A': 'a\\r\\nSet-Cookie: b=c'}}", "{headers: {'X-A\\r\\nB': 'c'}}", "{headers: {'X A': 'c'}}", "{headers: {'': 'c'}}",
    "{headers: {'X-A': 'тест'}}", "{headers: {'X-A': {}}}", "{headers: {'X-A': true}}", "{headers: {'X-A': 'x'.repeat(17000)}}",
    "{headers: Object.fromEntries(Array.from({length: 51}, (_, i) => ['x-' + i, 1]))}",
    "{headers: {Location: 'javascript:alert(1)'}}", "{headers: {Location: 'data:text/html,x'}}",
    "{body: 'alert(1)', headers: {'Content-Type': 'text/javascript'}}", "{body: '*{}', headers: {'content-type': 'Text/CSS'}}",
    "{body: 'x', headers: {'Content-Type': 'application/x-javascript; charset=utf-8'}}",
    "{body: 'not base64!', encoding: 'base64'}", "{body: 5, encoding: 'base64'}", "{body: 'x', encoding: 'rot13'}",
]  # fmt: skip


def test_an_answer_that_could_do_harm_is_not_sent_and_its_author_is_told(serve, world):
    serve(f"return [{', '.join(HARMFUL)}][context.request.query.n]")
    for number, returned in enumerate(HARMFUL):
        answer = world.post(f"/hooks/acme/orders?n={number}")
        assert (answer.status_code, answer.json["code"]) == (500, "BAD_ANSWER"), (returned, answer.data)
        assert answer.json["detail"].startswith("The script's answer cannot be sent: ")
        assert answer.headers["X-Execution-Id"] == answer.json["execution_id"]
        assert "Set-Cookie" not in answer.headers


def test_no_answer_can_act_as_a_page_of_ours(serve, world, alice, sign_in):
    serve("return {headers: {'Content-Type': 'text/html'}, body: '<script>alert(document.cookie)</script>'}")
    browser = sign_in(alice)  # who looks may well be signed in here
    answer = browser.client.get("/hooks/acme/orders")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'") and "script-src" not in policy and "allow" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_failing_script_says_which_run_it_was_and_nothing_else(serve, world, runs):
    serve("throw new Error('the password is hunter2')")
    answer = world.post("/hooks/acme/orders")
    [run] = runs()
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert answer.json == {
        "type": "about:blank", "title": "Internal Server Error", "status": 500, "code": "SCRIPT_FAILED",
        "detail": "The script failed.", "execution_id": str(run.id), "request_id": answer.headers["X-Request-Id"],
    }  # fmt: skip
    assert b"hunter2" not in answer.data


def test_a_script_can_ask_to_be_called_again_later(serve, world):
    serve("throw new sdk.RetryAfter(context.request.body, 'the bank is closed')")
    for asked, told in ((29.5, "30"), ("soon", "1")):
        answer = world.post("/hooks/acme/orders", json=asked)
        assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "RETRY_LATER", told)
    assert "bank" not in answer.text


def test_a_script_that_takes_too_long_is_stopped_and_answered_for(serve, world, runs):
    serve("for (;;) {}", script_limits={"timeout_ms": 1000})
    answer = world.post("/hooks/acme/orders")
    assert (answer.status_code, answer.json["code"]) == (504, "TIMEOUT")
    assert runs()[0].status == "timed_out"

    serve("await sdk.sleep(20000)", "slow", options={"timeout_s": 1})
    answer = world.post("/hooks/acme/slow")
    assert answer.status_code == 504 and answer.json["execution_id"] == str(runs()[0].id)


def test_parameters_come_from_the_body_or_else_from_the_address(serve, world, runs):
    declared = [{"name": "city", "type": "string", "required": True}]
    serve("return context.input", "search/:city", parameters=declared)
    assert world.post("/hooks/acme/search/x", json={"city": "Buxoro"}).json == {"city": "Buxoro"}
    assert world.get("/hooks/acme/search/Xiva").json == {"city": "Xiva"}
    answer = world.post("/hooks/acme/search/x", json={"town": "Buxoro"})
    assert (answer.status_code, answer.json["code"]) == (422, "INVALID_INPUT")
    assert [error["field"] for error in answer.json["errors"]]
    assert runs()[0].status == "refused"


def test_the_run_has_the_request_and_says_what_called_it(serve, world, runs, app):
    endpoint = serve("return [context.trigger, context.execution.type, context.execution.triggeredBy, context.user]")
    assert world.post("/hooks/acme/orders", json={"a": 1}).json == ["http", "http", "api", None]
    [run] = runs()
    assert (run.trigger, run.trigger_id, run.actor_label) == ("http", endpoint.id, "127.0.0.1")
    assert run.request["body"] == {"a": 1}


def test_a_megabyte_arrives_and_one_byte_more_does_not(serve, world, runs):
    serve("return [context.request.rawBody.length, context.request.body.length]")
    most = 1024 * 1024
    body = json.dumps('"' * (most // 2 - 1)).encode()  # every character of it escaped once more on its way
    assert len(body) == most
    assert world.post("/hooks/acme/orders", data=body, content_type="application/json").json == [most, most // 2 - 1]
    answer = world.post("/hooks/acme/orders", data=body + b" ", content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (413, "BODY_TOO_LARGE")
    assert len(runs()) == 1

    serve("return 1", "small", options={"body_limit_bytes": 10})
    assert world.post("/hooks/acme/small", data=b"x" * 10).status_code == 200
    assert world.post("/hooks/acme/small", data=b"x" * 11).status_code == 413
    # However long it says it is, or whether it says so at all.
    for sent, status in ((10, 200), (11, 413)):
        body = io.BytesIO(b"x" * sent)
        answer = world.post("/hooks/acme/small", input_stream=body, environ_overrides=IN_CHUNKS)
        assert answer.status_code == status
    body = io.BytesIO(b"x" * 5000)
    answer = world.post("/hooks/acme/small", input_stream=body, environ_overrides=IN_CHUNKS)
    assert answer.status_code == 413 and body.tell() < 5000


def test_text_of_an_address_or_a_form_is_read_as_the_type_that_is_declared(serve, world):
    kinds = {
        "id": "integer",
        "price": "number",
        "express": "boolean",
        "note": "string",
        "sizes": "array",
        "day": "date",
    }
    declared = [{"name": name, "type": kind} for name, kind in kinds.items()]
    serve("return context.input", "orders/:id", parameters=declared)
    fields = "price=1.5&express=true&note=007&sizes=[1,2]&day=2026-11-22&more=5"
    meant = {"id": 17, "price": 1.5, "express": True, "note": "007", "sizes": [1, 2], "day": "2026-11-22", "more": "5"}
    form = {"data": f"id=17&{fields}", "content_type": "application/x-www-form-urlencoded"}
    assert world.get(f"/hooks/acme/orders/17?{fields}").json == meant
    assert world.post("/hooks/acme/orders/1", **form).json == meant
    refused = [world.get("/hooks/acme/orders/many"), world.get("/hooks/acme/orders/1?id=&express=yes"),
               world.post("/hooks/acme/orders/1", json={"id": "17"})]  # fmt: skip
    assert [answer.status_code for answer in refused] == [422, 422, 422]
    assert refused[0].json["errors"][0]["field"] == "id"
