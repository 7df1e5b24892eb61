"""Endpoints behind the real server, met by those who speak HTTP in bad faith: slow, huge, and ambiguous about where a request ends."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from models import Tenant, db
from models.tenancy import as_tenant
from services import endpoints, process, scripts
from services.endpoints import Changes
from settings import Settings
from tests.conftest import Person
from tests.support.stack import Stack

pytestmark = pytest.mark.slow
START_S = 60
Talk = Callable[..., bytes]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def port(app: Flask, settings: Settings, alice: Person, acme: Tenant) -> Iterator[int]:
    """A server with two threads, and an endpoint that says what it was sent."""
    with app.app_context(), as_tenant(db.session, acme.id):
        script = scripts.create(alice.principal, scripts.Changes(name="Echo", source="return context.request"))
        endpoints.create(alice.principal, script.id, Changes(path="echo/:id", methods=["GET", "POST"], auth="public"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = int(free.getsockname()[1])
    environment = {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url,
                   "PORT": str(number), "WEB_THREADS": "2", "LOG_LEVEL": "ERROR", "SCRIPT_VM_POOL_SIZE": "2"}  # fmt: skip
    stack = Stack(environment, settings.data_dir / "log")
    stack.start("web")
    _wait_for(number)
    yield number
    stack.stop()
    process.close(app)


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.fixture
def talk(port: int) -> Talk:
    def send(*parts: bytes, until_s: float = 30) -> bytes:
        """All that comes back until the server hangs up, or has said all it will."""
        with socket.create_connection(("127.0.0.1", port), until_s) as connection:
            for part in parts:
                connection.sendall(part)
            return _all_of(connection)

    return send


def _all_of(connection: socket.socket) -> bytes:
    heard = b""
    try:
        while more := connection.recv(65536):
            heard += more
    except OSError:  # nothing more within its time, or a reset
        pass
    return heard


def request(head: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([head, "Host: localhost", "Connection: close", *headers, "", ""]).encode("latin-1") + body


HIDDEN = b"GET /hooks/acme/echo/hidden HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_who_is_unclear_about_where_a_request_ends_gets_no_second_one_in(talk: Talk) -> None:
    post = "POST /hooks/acme/echo/1 HTTP/1.1"
    shapes = [
        request(post, "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
        request(post, "Transfer-Encoding: chunked", "Content-Length: 500", body=b"0\r\n\r\n" + HIDDEN),
        request(post, "Content-Length: 0", f"Content-Length: {len(HIDDEN)}", body=HIDDEN),
        request(post, "Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN),
        request(post, "Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
        request(post, "Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=b"0\r\n\r\n" + HIDDEN),
        request(post, "Transfer-Encoding: chunked", body=b"zz\r\n" + HIDDEN),
        request(post, "Transfer-Encoding: chunked", body=b"-1\r\n" + HIDDEN),
        request(post, "Content-Length: +5", body=HIDDEN), request(post, "Content-Length: 0x5", body=HIDDEN),
        request(post, "X: a\r\n Content-Length: 5", body=HIDDEN), request(post, "Content_Length: 5", body=HIDDEN),
        request(post, "Content-Length: 3", body=b"abc" + HIDDEN),
    ]  # fmt: skip
    answers = [talk(shape) for shape in shapes]
    assert [answer for answer in answers if b"hidden" in answer] == []
    assert all(answer.count(b"HTTP/1.1 ") <= 1 for answer in answers)


def test_a_path_means_what_was_sent_whatever_form_it_was_sent_in(talk: Talk) -> None:
    assert b'"id":"a/b"' in talk(request("GET /hooks/acme/echo/a%2Fb HTTP/1.1"))
    assert b'"id":"7"' in talk(request("GET http://localhost/hooks/acme/echo/7 HTTP/1.1"))
    assert b'"id":"7"' in talk(request("GET /hooks/acme/%65cho/7 HTTP/1.1"))
    for path in ("/hooks/acme/echo/..", "/hooks/acme/../acme/echo/7", "/hooks/acme/echo/%2e%2e", "/hooks%2Facme%2Fecho%2F7", "/hooks/acme%2Fecho/7",
                 "//hooks/acme/echo/7", "/hooks//acme/echo/7", "/hooks/acme/echo//7", "/hooks/acme/echo/%00", "/hooks/acme/echo/%0d%0aX:y",
                 "/static/../hooks/acme/echo/7", "/hooks/acme/echo/7;x/..", "/hooks/acme/echo/\\..\\7"):  # fmt: skip
        answer = talk(request(f"GET {path} HTTP/1.1"))
        assert b'"params"' not in answer or b'"id":"7' in answer or b"\\\\..\\\\7" in answer, (path, answer)
        assert b"\r\nX:" not in answer


def test_no_header_makes_another_path_or_scheme_of_what_was_asked(talk: Talk) -> None:
    assert talk(request("GET /evil/sign-in HTTP/1.1", "SCRIPT_NAME: /evil")).startswith(b"HTTP/1.1 404")
    assert b'"id":"7"' in talk(request("GET /hooks/acme/echo/7 HTTP/1.1", "SCRIPT_NAME: /hooks", "PATH_INFO: /sign-in"))
    asked = talk(request("GET /scripts HTTP/1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"))
    assert asked.startswith(b"HTTP/1.1 302") and b"Strict-Transport-Security" not in asked and b"evil" not in asked


def test_huge_headers_and_bodies_are_refused_before_anything_is_kept(talk: Talk) -> None:
    many = [f"X-{number}: {'y' * 4000}" for number in range(20)]
    assert talk(request("GET /hooks/acme/echo/1 HTTP/1.1", *many)).startswith(b"HTTP/1.1 431")
    assert b"HTTP/1.1 4" in talk(request("GET /hooks/acme/echo/1 HTTP/1.1", "X: " + "y" * 70_000))[:20]
    assert b"HTTP/1.1 4" in talk(request("GET /hooks/acme/echo/" + "y" * 9_000 + " HTTP/1.1"))[:20]
    said = talk(request("POST /hooks/acme/echo/1 HTTP/1.1", "Content-Length: 999999999999"))
    assert said.startswith(b"HTTP/1.1 413") and b"BODY_TOO_LARGE" in said
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    said = talk(request("POST /hooks/acme/echo/1 HTTP/1.1", "Transfer-Encoding: chunked"), *[chunk] * 17)
    assert said.startswith(b"HTTP/1.1 413") or said == b""  # it hangs up on who goes on sending


def test_a_body_that_ends_before_its_length_is_refused_and_runs_nothing(port: int) -> None:
    for head, refused in (
        ("POST /hooks/acme/echo/half HTTP/1.1", b"INVALID_INPUT"),
        ("POST /api/v1/scripts HTTP/1.1", b"BAD_REQUEST"),
    ):
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(request(head, "Content-Length: 10", body=b"half"))
            connection.shutdown(socket.SHUT_WR)
            said = _all_of(connection)
        assert said.startswith(b"HTTP/1.1 400") and refused in said, said


def test_who_asks_without_a_pause_does_not_keep_others_waiting(port: int, talk: Talk) -> None:
    """A thread stays with a busy connection, but not while somebody has none."""
    asked = request("GET /hooks/acme/echo/busy HTTP/1.1").replace(b"Connection: close\r\n", b"")
    over = threading.Event()
    answers = [0, 0]

    def ask_on(which: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            while not over.is_set():
                connection.sendall(asked)
                while b'"id":"busy"' not in connection.recv(65536):
                    pass
                answers[which] += 1

    busy = [threading.Thread(target=ask_on, args=(which,)) for which in range(len(answers))]
    for one in busy:
        one.start()
    try:
        for _ in range(5):
            assert b'"id":"other"' in talk(request("GET /hooks/acme/echo/other HTTP/1.1"))
    finally:
        over.set()
        for one in busy:
            one.join(30)
    assert min(answers) > 1


def test_slow_senders_do_not_keep_people_from_the_pages(port: int, talk: Talk) -> None:
    """As many as the server has threads, one of them not even through with its head; each is let go."""
    kind = "Content-Type: application/x-www-form-urlencoded"
    form = request("POST /sign-in HTTP/1.1", kind, "Content-Length: 1000", body=b"email=")
    slow = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(2)]
    for connection, beginning in zip(slow, (form, b"GET /sign-in HTTP/1.1\r\nX: "), strict=True):
        connection.sendall(beginning)
    assert talk(request("GET /sign-in HTTP/1.1"), until_s=60).startswith(b"HTTP/1.1 200")
    told = [_all_of(connection) for connection in slow]
    assert told[0].startswith(b"HTTP/1.1 408") and not told[1].startswith(b"HTTP/1.1 2"), told
    for connection in slow:
        connection.close()


def test_slow_senders_do_not_keep_the_server_from_others(talk: Talk, port: int) -> None:
    """More of them than the server has threads, each sending a byte now and then."""
    head = request("POST /hooks/acme/echo/1 HTTP/1.1", "Content-Length: 1000")
    chunked = request("POST /hooks/acme/echo/1 HTTP/1.1", "Transfer-Encoding: chunked", body=b"3e8\r\n")
    slow = [socket.create_connection(("127.0.0.1", port), 40) for _ in range(3)]
    for connection, beginning in zip(slow, (head, chunked, head), strict=True):
        connection.sendall(beginning + b"x")
    began = time.monotonic()
    while time.monotonic() < began + 8:
        for connection in slow:
            connection.sendall(b"y")
        time.sleep(0.5)
    answer = talk(request("GET /hooks/acme/echo/quick HTTP/1.1"), until_s=60)
    assert b'"id":"quick"' in answer and time.monotonic() - began < 45
    told = [_all_of(connection) for connection in slow]
    assert all(answer.startswith(b"HTTP/1.1 408") and b"TOO_SLOW" in answer for answer in told), told
    for connection in slow:
        connection.close()
