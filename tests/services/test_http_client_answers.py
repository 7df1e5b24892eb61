"""The HTTP client against servers on loopback that behave more or less well."""

import gzip
import zlib

import pytest

from runtime.errors import HostError
from services.granted.addresses import HttpPolicy
from services.granted.http_client import HttpClient, HttpLimits, HttpTransport
from tests.support.http_servers import LoopbackServer, answer, echo, gzip_bomb, in_turn, names

LOOPBACK = HttpPolicy.from_lists(allow=["127.0.0.0/8:*"])


@pytest.fixture
def transport():
    transport = HttpTransport(resolve=names({"one.example": ["127.0.0.1"], "dead.example": ["127.0.0.9", "127.0.0.1"]}))
    yield transport
    transport.close()


@pytest.fixture
def client(transport):
    return HttpClient(transport, LOOPBACK, limits=HttpLimits(seconds=5, response_bytes=100_000, request_bytes=10_000))


def failure(client, server, path="/", method="GET", **options):
    with pytest.raises(HostError) as caught:
        client.request(method, server.url(path), retries=0, **options)
    return caught.value


def test_it_sends_method_path_headers_and_body(client):
    with LoopbackServer({"/things": echo}) as server:
        got = client.request("PUT", server.url("/things?q=1#part"), headers={"X-Key": "k"}, body=b"{}")
    lines = got.body.decode().split("\n")
    assert got.status == 200
    assert lines[0] == "PUT /things?q=1"
    assert {f"host: 127.0.0.1:{server.port}", "x-key: k", "content-length: 2"} <= set(lines)
    assert lines[-1] == "{}"


def test_no_proxy_of_the_environment_is_used(client, monkeypatch):
    with LoopbackServer({"/": answer(200, b"direct")}) as server, LoopbackServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        monkeypatch.delenv("no_proxy", raising=False)
        assert client.request("GET", server.url()).body == b"direct"
    assert proxy.connections == 0


def test_no_cookies_are_kept(client):
    with LoopbackServer({"/login": answer(200, set_cookie="session=1"), "/": echo}) as server:
        assert client.request("GET", server.url("/login")).headers["set-cookie"] == "session=1"
        assert b"cookie" not in client.request("GET", server.url()).body


def test_a_second_request_uses_the_same_connection(client):
    with LoopbackServer({"/": answer(200, b"x")}) as server:
        for _ in range(5):
            assert client.request("GET", server.url()).status == 200
        assert server.connections == 1


def test_another_owner_or_policy_never_uses_that_connection(client, transport):
    narrower = HttpPolicy.from_lists(allow=["127.0.0.0/8:*"], tenant_allow=["127.0.0.1"])
    with LoopbackServer({"/": answer(200, b"x")}) as server:
        client.request("GET", server.url())
        HttpClient(transport, LOOPBACK, owner="globex").request("GET", server.url())
        HttpClient(transport, narrower).request("GET", server.url())
        assert server.connections == 3


@pytest.mark.parametrize(
    ("path", "method", "raw", "status"),
    [
        ("no-content", "GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("not-modified", "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99999999\r\n\r\n", 304),
        ("head", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nContent-Encoding: gzip\r\n\r\n", 200),
        ("interim", "GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n" + answer(200), 200),
        ("chunked", "GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
    ],
)
def test_answers_without_a_body_leave_the_connection_usable(client, path, method, raw, status):
    with LoopbackServer({"/" + path: raw, "/next": answer(200, b"next")}) as server:
        got = client.request(method, server.url("/" + path))
        assert (got.status, got.body) == (status, b"")
        assert client.request("GET", server.url("/next")).body == b"next"
        assert server.connections == 1


@pytest.mark.parametrize(
    "extra",
    [answer(200, b"forged"), b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged" * 3, b"\r\n\r\n"],
)
def test_bytes_behind_an_answer_are_never_taken_for_the_next_answer(client, extra):
    def answer_too_much(peer, request):
        peer.send(answer(200, b"first") + extra)

    with LoopbackServer({"/": in_turn(answer_too_much, answer(200, b"second"))}) as server:
        assert client.request("GET", server.url()).body == b"first"
        assert client.request("GET", server.url()).body == b"second"
        assert server.connections == 2


def test_a_body_that_follows_head_is_never_taken_for_the_next_answer(client):
    with LoopbackServer({"/": in_turn(answer(200, answer(200, b"forged")), answer(200, b"second"))}) as server:
        assert client.request("HEAD", server.url()).body == b""
        assert client.request("GET", server.url()).body == b"second"


def test_a_connection_the_server_closed_in_between_is_replaced(client):
    def answer_and_close(peer, request):
        peer.send(answer(200, b"bye"))
        peer.hang_up()

    with LoopbackServer({"/": answer_and_close}) as server:
        for _ in range(3):
            assert client.request("GET", server.url(), retries=0).body == b"bye"


def test_an_http_1_0_answer_ends_with_the_connection(client):
    def old(peer, request):
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nold ")
        peer.send(b"times")
        peer.hang_up()

    with LoopbackServer({"/": old}) as server:
        assert client.request("GET", server.url()).body == b"old times"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"hello " * 1000, mtime=0)),
        ("x-gzip", gzip.compress(b"hello " * 1000, mtime=0)),
        ("GZIP", gzip.compress(b"hello " * 500, mtime=0) + gzip.compress(b"hello " * 500, mtime=0)),
        ("deflate", zlib.compress(b"hello " * 1000)),
        ("deflate", zlib.compress(b"hello " * 1000)[2:-4]),
        ("identity", b"hello " * 1000),
    ],
)
def test_it_unpacks_compressed_bodies(client, encoding, packed):
    with LoopbackServer({"/": answer(200, packed, content_encoding=encoding)}) as server:
        assert client.request("GET", server.url()).body == b"hello " * 1000


def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(client):
    with LoopbackServer({"/fits": answer(200, b"x" * 100_000), "/over": answer(200, b"x" * 100_001)}) as server:
        assert len(client.request("GET", server.url("/fits")).body) == 100_000
        assert failure(client, server, "/over").code == "HTTP_TOO_LARGE"


def test_a_body_without_length_is_cut_off_while_it_streams(client):
    def endless(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x" * 65536)

    with LoopbackServer({"/": endless}) as server:
        assert failure(client, server).code == "HTTP_TOO_LARGE"
        assert server.hung_up_by_client.wait(5)


def test_a_compressed_bomb_is_measured_by_what_it_unpacks_to(client):
    with LoopbackServer({"/": gzip_bomb(megabytes=64)}) as server:
        assert failure(client, server).code == "HTTP_TOO_LARGE"


def test_empty_compressed_blocks_do_not_go_on_for_ever(client):
    def empties(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            peer.send(gzip.compress(b"") * 1000)

    with LoopbackServer({"/": empties}) as server:
        assert failure(client, server).code == "HTTP_TOO_LARGE"


def test_a_request_body_over_the_limit_is_not_sent(client):
    with LoopbackServer({"/": echo}) as server:
        assert failure(client, server, method="POST", body=b"x" * 10_001).code == "HTTP_TOO_LARGE"
        assert server.connections == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"<html>no headers</html>" * 10,
        b"HTTP/1.1 OK 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ngarbage\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBroken Header: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + answer(200),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
        answer(200, b"not gzip at all", content_encoding="gzip"),
        answer(200, gzip.compress(b"hello", mtime=0)[:-9], content_encoding="gzip"),
        answer(200, b"x", content_encoding="br"),
        answer(200, gzip.compress(gzip.compress(b"hello")), content_encoding="gzip, gzip"),
        b"",
    ],
    ids=lambda raw: ascii(raw[:50]),
)
def test_a_malformed_answer_is_a_clean_failure(client, raw):
    def send_and_close(peer, request):
        peer.send(raw)
        peer.hang_up()

    with LoopbackServer({"/": send_and_close}) as server:
        error = failure(client, server)
    assert error.code == "HTTP_FAILED"
    assert error.retryable
    assert len(error.message) < 300


def test_an_early_refusal_is_read_although_the_request_was_not(client):
    def refuse(peer, request):
        peer.send(answer(413, b"too much", connection="close"))
        peer.hang_up()

    with LoopbackServer({"/": refuse}) as server:
        assert client.request("POST", server.url(), body=b"x" * 10_000).status == 413


def test_a_refused_connection_and_an_unknown_name_are_failures_worth_a_retry(client):
    with LoopbackServer() as server:
        pass
    for url in (server.url(), "http://unknown.example/"):
        with pytest.raises(HostError) as caught:
            client.request("GET", url, retries=0)
        assert (caught.value.code, caught.value.retryable) == ("HTTP_FAILED", True)


def test_it_tries_the_next_address_when_one_does_not_answer(client):
    with LoopbackServer({"/": answer(200, b"second address")}) as server:
        assert client.request("GET", server.url(host="dead.example")).body == b"second address"


def test_repeated_headers_are_joined_and_cookies_stay_apart(client):
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
    with LoopbackServer({"/": raw}) as server:
        headers = client.request("GET", server.url()).headers
    assert (headers["x-a"], headers["set-cookie"]) == ("1, 2", "a=1\nb=2")


@pytest.mark.parametrize(
    "options",
    [{"timeout": 6}, {"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}, {"retries": 3}, {"redirects": 6}],
)
def test_a_call_can_only_lower_the_limits(client, options):
    with pytest.raises(HostError) as caught:
        client.request("GET", "http://one.example/", **options)
    assert caught.value.code == "INVALID_INPUT"
