"""sdk.http as a script sees it, in a real engine; the network is a fake we own."""

import base64
from dataclasses import dataclass, field

import pytest

from runtime import HostError, Runtime, RuntimeConfig
from runtime.host import HttpApi


@dataclass
class FakeAnswer:
    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    url: str = "https://api.example/"


@dataclass
class FakeHttp:
    """A granted client that remembers what it was asked and gives what it was told to."""

    answer: FakeAnswer | HostError = field(default_factory=FakeAnswer)
    asked: list = field(default_factory=list)

    @property
    def http(self):
        return self

    def request(self, method, url, **options):
        self.asked.append((method, url, options))
        if isinstance(self.answer, HostError):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def runtime():
    runtime = Runtime(RuntimeConfig(pool_size=1))
    yield runtime
    runtime.close(drain_seconds=1)


@pytest.fixture
def http():
    return FakeHttp()


@pytest.fixture
def run(runtime, http):
    def run(source):
        return runtime.execute(source, host={"http": HttpApi().bind(http)})

    return run


def test_every_short_form_is_a_request(run, http):
    out = run("""
        await sdk.http.get("https://a.example/");
        await sdk.http.head("https://a.example/");
        await sdk.http.delete("https://a.example/");
        await sdk.http.post("https://a.example/", {n: 1});
        await sdk.http.put("https://a.example/", [1]);
        await sdk.http.patch("https://a.example/", "text");
        await sdk.http.request({url: "https://a.example/", method: "options"});
    """)
    assert out.error is None
    sent = [(method, options["body"]) for method, _, options in http.asked]
    assert sent == [
        *[("GET", None), ("HEAD", None), ("DELETE", None)],
        *[("POST", b'{"n":1}'), ("PUT", b"[1]"), ("PATCH", b"text"), ("OPTIONS", None)],
    ]


def test_the_content_type_follows_the_body_unless_it_is_given(run, http):
    run("""
        await sdk.http.post("https://a.example/", {});
        await sdk.http.post("https://a.example/", "text");
        await sdk.http.post("https://a.example/", "<a/>", {headers: {"Content-Type": "text/xml"}});
        await sdk.http.request({method: "POST", url: "https://a.example/", bodyBase64: "AP8="});
    """)
    assert [options["headers"] for _, _, options in http.asked] == [
        {"content-type": "application/json"},
        {"content-type": "text/plain; charset=utf-8"},
        {"Content-Type": "text/xml"},
        {},
    ]
    assert http.asked[-1][2]["body"] == b"\x00\xff"


def test_options_reach_the_client_in_its_units(run, http):
    out = run("""
        await sdk.http.get("https://a.example/x?a=1#end", {
            query: {q: "b c&d", list: [1, true, "ж"], none: null, big: 1e21},
            headers: {"X-Number": 5, "X-None": null}, timeout: 1500, retries: 1, redirects: 0,
        });
    """)
    assert out.error is None
    (_, url, options) = http.asked[0]
    assert url == "https://a.example/x?a=1&q=b%20c%26d&list=1&list=true&list=%D0%B6&big=1e%2B21#end"
    assert options == {"headers": {"X-Number": "5"}, "body": None, "timeout": 1.5, "retries": 1, "redirects": 0}


def test_an_answer_has_status_headers_body_and_json(run, http):
    http.answer = FakeAnswer(201, {"content-type": "application/json"}, '\ufeff{"name":"Ўзбек"}'.encode())
    out = run("""
        const answer = await sdk.http.get("https://a.example/");
        return [answer.status, answer.headers["content-type"], answer.encoding, answer.json().name, Object.keys(answer)];
    """)
    keys = ["status", "headers", "body", "encoding", "url", "json"]
    assert out.value == [201, "application/json", "text", "Ўзбек", keys]


@pytest.mark.parametrize(
    ("kind", "body", "options", "encoding", "text"),
    [
        ("text/plain", b"hi", "{}", "text", "hi"),
        ("text/plain; charset=windows-1251", "привет".encode("cp1251"), "{}", "text", "привет"),
        ("text/plain; charset=zip", "hé".encode(), "{}", "text", "hé"),
        ("text/plain; charset=unicode_escape", b"\\u0041", "{}", "text", "\\u0041"),
        ("text/plain", b"\xff", "{}", "text", "\ufffd"),
        ("application/problem+json", b"{}", "{}", "text", "{}"),
        ("", b"plain", "{}", "text", "plain"),
        ("", b"\xff\xd8", "{}", "base64", "/9g="),
        ("image/png", b"\x89PNG\xff", "{}", "base64", base64.b64encode(b"\x89PNG\xff").decode()),
        ("text/plain", b"hi", "{responseType: 'base64'}", "base64", "aGk="),
        ("image/png", b"\x89", "{responseType: 'text'}", "text", "\ufffd"),
    ],
)
def test_text_arrives_as_text_and_bytes_as_base64(run, http, kind, body, options, encoding, text):
    http.answer = FakeAnswer(200, {"content-type": kind}, body)
    out = run(f"const a = await sdk.http.get('https://a.example/', {options}); return [a.encoding, a.body];")
    assert out.value == [encoding, text]


@pytest.mark.parametrize(
    "call",
    [
        "get()",
        "get(null)",
        "get(5)",
        "get({})",
        "get(['https://a.example/'])",
        "request()",
        "request(null)",
        "request('https://a.example/')",
        "request({url: 'https://a.example/', method: 5})",
        "request({url: 'https://a.example/', metod: 'GET'})",
        "get('https://a.example/', {timeout: 'long'})",
        "get('https://a.example/', {timeout: -1})",
        "get('https://a.example/', {timeout: true})",
        "get('https://a.example/', {retries: 1.5})",
        "get('https://a.example/', {redirects: '5'})",
        "get('https://a.example/', {headers: 'X: 1'})",
        "get('https://a.example/', {headers: {x: {}}})",
        "get('https://a.example/', {headers: {x: ['a', 'b']}})",
        "get('https://a.example/', {query: 'a=1'})",
        "get('https://a.example/', {query: {a: {}}})",
        "get('https://a.example/', {query: {a: [[1]]}})",
        "get('https://a.example/', {responseType: 'blob'})",
        "request({method: 'POST', url: 'https://a.example/', body: '', bodyBase64: ''})",
        "request({method: 'POST', url: 'https://a.example/', bodyBase64: '%%%'})",
        "request({method: 'POST', url: 'https://a.example/', bodyBase64: 5})",
        "post('https://a.example/', 5n)",
        "post('https://a.example/', (() => { const a = {}; a.a = a; return a; })())",
        "request({url: 'https://a.example/', get method() { throw new Error('trap'); }})",
        "request(new Proxy({}, {ownKeys() { throw new Error('trap'); }}))",
    ],
)
def test_hostile_or_wrong_arguments_are_refused_and_nothing_is_sent(run, http, call):
    out = run(f"await sdk.http.{call};")
    assert out.error is not None
    assert out.error.code in ("INVALID_INPUT", "RUNTIME_ERROR")
    assert "Traceback" not in out.error.message
    assert http.asked == []


def test_half_a_surrogate_pair_is_replaced_and_not_fatal(run, http):
    out = run(r"""await sdk.http.post("https://a.example/", "a\ud800b", {query: {q: "\udfff"}});""")
    assert out.error is None
    assert http.asked[0][2]["body"] == "a\ufffdb".encode()


def test_a_failure_is_an_error_with_its_code(run, http):
    http.answer = HostError("HTTP_BLOCKED", "Requests to 10.0.0.1 are blocked", details={"reason": "private"})
    out = run("""
        try { await sdk.http.get("http://10.0.0.1/"); }
        catch (error) { return [error instanceof Error, error.code, error.message, error.details.reason]; }
    """)
    assert out.value == [True, "HTTP_BLOCKED", "Requests to 10.0.0.1 are blocked", "private"]
