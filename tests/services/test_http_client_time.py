"""One deadline over everything, retries within it, and a cancelled run that lets go at once."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from runtime.errors import HostError
from services.granted.addresses import HttpPolicy
from services.granted.http_client import HttpClient, HttpTransport
from tests.support.http_servers import LoopbackServer, answer, in_turn

LOOPBACK = HttpPolicy.from_lists(allow=["127.0.0.0/8:*"])
GENEROUS_SECONDS = 4.0


def forever(piece=b"x"):
    while True:
        yield piece


def drip_headers(peer, request):
    peer.send(b"HTTP/1.1 200 OK\r\n")
    peer.drip(forever(b"X: x\r\n"), every=0.05)


def drip_one_endless_header(peer, request):
    peer.drip(forever(b"H"), every=0.05)


def drip_body(peer, request):
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    peer.drip(forever(), every=0.05)


def drip_chunks(peer, request):
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(forever(b"1\r\nx\r\n"), every=0.05)


def drip_interim_answers(peer, request):
    peer.drip([b"HTTP/1.1 102 Processing\r\n\r\n"] * 7, every=0.05)
    time.sleep(10)


def say_nothing(peer, request):
    time.sleep(10)


SLOW = [drip_headers, drip_one_endless_header, drip_body, drip_chunks, drip_interim_answers, say_nothing]


@pytest.fixture
def transport():
    transport = HttpTransport()
    yield transport
    transport.close()


@pytest.fixture
def client(transport):
    return HttpClient(transport, LOOPBACK)


@pytest.mark.parametrize("route", SLOW, ids=lambda route: route.__name__)
def test_a_slow_server_costs_the_timeout_and_no_more(client, route):
    with LoopbackServer({"/": route}) as server:
        started = time.monotonic()
        with pytest.raises(HostError) as caught:
            client.request("GET", server.url(), timeout=0.5)
    assert (caught.value.code, caught.value.retryable) == ("HTTP_TIMEOUT", True)
    assert 0.4 < time.monotonic() - started < GENEROUS_SECONDS


def test_a_server_that_reads_slowly_costs_the_timeout_and_no_more(client):
    def accept_and_never_read(peer):
        time.sleep(10)

    with LoopbackServer() as server:
        server._converse = accept_and_never_read
        client.limits = client.limits.__class__(request_bytes=100_000_000)
        with pytest.raises(HostError) as caught:
            client.request("POST", server.url(), body=bytes(50_000_000), timeout=0.5)
    assert caught.value.code == "HTTP_TIMEOUT"


def test_redirects_share_one_timeout(client):
    def redirect_slowly(peer, request):
        time.sleep(0.3)
        peer.send(answer(302, location="/"))

    with LoopbackServer({"/": redirect_slowly}) as server, pytest.raises(HostError) as caught:
        client.request("GET", server.url(), timeout=0.8)
    assert caught.value.code == "HTTP_TIMEOUT"


@pytest.mark.parametrize("route", [drip_body, say_nothing], ids=lambda route: route.__name__)
def test_a_cancelled_run_lets_go_in_the_middle_of_a_body(transport, route):
    cancelled = threading.Event()
    run = SimpleNamespace(cancelled=cancelled, remaining=lambda: 30.0)
    client = HttpClient(transport, LOOPBACK, running_call=lambda: run)
    with LoopbackServer({"/": route}) as server:
        threading.Timer(0.3, cancelled.set).start()
        started = time.monotonic()
        with pytest.raises(HostError) as caught:
            client.request("GET", server.url())
    assert caught.value.code == "CANCELLED"
    assert time.monotonic() - started < GENEROUS_SECONDS


def test_the_end_of_the_run_is_the_end_of_the_request(transport):
    run = SimpleNamespace(cancelled=threading.Event(), remaining=lambda: 0.3)
    with LoopbackServer({"/": say_nothing}) as server:
        started = time.monotonic()
        with pytest.raises(HostError) as caught:
            HttpClient(transport, LOOPBACK, running_call=lambda: run).request("GET", server.url())
    assert caught.value.code == "HTTP_TIMEOUT"
    assert time.monotonic() - started < GENEROUS_SECONDS


def test_an_aborted_answer_never_reaches_the_next_request(client):
    def late(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nla")
        time.sleep(0.5)
        peer.send(b"te")

    with LoopbackServer({"/": in_turn(late, answer(200, b"next"))}) as server:
        with pytest.raises(HostError):
            client.request("GET", server.url(), timeout=0.2)
        assert client.request("GET", server.url()).body == b"next"
        assert server.connections == 2


def hang_up(peer, request):
    peer.hang_up()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_are_tried_twice_more_after_a_lost_connection(client, method):
    with LoopbackServer({"/": in_turn(hang_up, hang_up, answer(200))}) as server:
        assert client.request(method, server.url()).status == 200
        assert len(server.requests) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_not_tried_again_after_a_lost_connection(client, method):
    with LoopbackServer({"/": in_turn(hang_up, answer(200))}) as server:
        with pytest.raises(HostError) as caught:
            client.request(method, server.url())
        assert (caught.value.code, len(server.requests)) == ("HTTP_FAILED", 1)


@pytest.mark.parametrize(
    ("method", "first", "tries"),
    [
        ("GET", answer(429), 2),
        ("GET", answer(503), 2),
        ("GET", answer(500), 1),
        ("GET", answer(502), 1),
        ("POST", answer(429), 2),
        ("POST", answer(503), 1),
        ("POST", answer(503, retry_after="0"), 2),
    ],
)
def test_a_busy_server_is_asked_again(client, method, first, tries):
    with LoopbackServer({"/": in_turn(first, answer(200))}) as server:
        client.request(method, server.url())
        assert len(server.requests) == tries


def test_a_server_that_stays_busy_gives_its_last_answer(client):
    with LoopbackServer({"/": answer(503, b"busy")}) as server:
        got = client.request("GET", server.url())
        assert (got.status, got.body, len(server.requests)) == (503, b"busy", 3)


def test_no_retries_means_none(client):
    with LoopbackServer({"/": answer(503)}) as server:
        client.request("GET", server.url(), retries=0)
        assert len(server.requests) == 1


def test_retries_are_counted_over_all_redirects(client):
    with LoopbackServer({"/": in_turn(answer(503), answer(302, location="/")), "/next": answer(503)}) as server:
        server.routes = {"/": in_turn(answer(503), answer(302, location="/next")), "/next": answer(503)}
        client.request("GET", server.url())
        assert server.paths() == ["/", "/", "/next", "/next"]


def test_it_waits_as_long_as_it_is_asked_to(client):
    with LoopbackServer({"/": in_turn(answer(429, retry_after="1"), answer(200))}) as server:
        started = time.monotonic()
        assert client.request("GET", server.url()).status == 200
    assert time.monotonic() - started >= 1


def test_a_wait_beyond_the_deadline_is_not_begun(client):
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for asked in ("3600", in_an_hour, "9" * 400):
        with LoopbackServer({"/": answer(429, retry_after=asked)}) as server:
            started = time.monotonic()
            assert client.request("GET", server.url()).status == 429
            assert len(server.requests) == 1
        assert time.monotonic() - started < GENEROUS_SECONDS


@pytest.mark.parametrize("asked", ["", "soon", "-5", "1e9", "\u0665", "Mon, 99 Foo 2026"])
def test_a_senseless_retry_after_is_ignored(client, asked):
    with LoopbackServer({"/": in_turn(answer(429, retry_after=asked), answer(200))}) as server:
        assert client.request("GET", server.url()).status == 200


def test_many_threads_share_the_connections_without_mixing_answers(client):
    def tell_path(peer, request):
        peer.send(answer(200, request.path.encode()))

    wrong = []

    def ask(thread):
        for turn in range(20):
            path = f"/{thread}/{turn}"
            if client.request("GET", server.url(path)).body != path.encode():
                wrong.append(path)

    with LoopbackServer() as server:
        server.routes = {f"/{thread}/{turn}": tell_path for thread in range(8) for turn in range(20)}
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(server.requests) == 160
    assert server.connections <= 40
