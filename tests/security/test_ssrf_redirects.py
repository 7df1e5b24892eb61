"""Redirects: every hop is checked like a first request, and secrets do not travel to strangers."""

import pytest

from runtime.errors import HostError
from services.granted.addresses import HttpPolicy
from services.granted.http_client import HttpClient, HttpTransport
from tests.support.http_servers import LoopbackServer, answer, echo, names, redirect

# 127.0.0.1 plays the public Internet here; every other loopback address stays closed.
PUBLIC = HttpPolicy.from_lists(allow=["127.0.0.1:*"])
DNS = names(
    {
        "one.example": ["127.0.0.1"],
        "two.example": ["127.0.0.1"],
        "inside.example": ["127.0.0.2"],
        "localhost": ["127.0.0.2"],
    }
)


@pytest.fixture
def reported():
    return []


@pytest.fixture
def client(reported):
    transport = HttpTransport(resolve=DNS)
    yield HttpClient(transport, PUBLIC, on_blocked=lambda *block: reported.append(block))
    transport.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("hops", [1, 5])
@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.2:{port}/", "loopback"),
        ("//127.0.0.2:{port}/", "loopback"),
        ("http://inside.example:{port}/", "loopback"),
        ("http://inside.example:8080/", "loopback"),
        ("http://169.254.169.254/latest/", "metadata"),
        ("http://metadata.google.internal/", "metadata"),
        ("http://localhost:8080/", "loopback"),
        ("http://[::1]/", "loopback"),
        ("http://[::ffff:127.0.0.1]:{port}/", "embedded"),
        ("http://10.0.0.1/", "private"),
        ("http://2130706433:{port}/", "url"),
        ("http://0x7f.1:{port}/", "url"),
        ("http://one.example@127.0.0.2:{port}/", "userinfo"),
        ("http://one.example:{port}\\@127.0.0.2/", "url"),
        ("\\\\127.0.0.2:{port}\\", "url"),
        ("/\\127.0.0.2:{port}/", "url"),
        ("http://127.0.0.2%00.one.example/", "url"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.1:6379/_x", "scheme"),
        ("data:text/plain,x", "scheme"),
        ("http://127.0.0.1:99999/", "url"),
        ("http://[broken/", "url"),
        ("/a b", "url"),
    ],
)
def test_no_redirect_leads_inside(client, reported, status, hops, location, reason):
    with LoopbackServer(address="127.0.0.2") as inside, LoopbackServer() as server:
        chain = {f"/{hop}": redirect(f"/{hop - 1}", status) for hop in range(2, hops + 1)}
        server.routes = chain | {"/1": redirect(location.format(port=inside.port), status)}
        with pytest.raises(HostError) as caught:
            client.request("GET", server.url(f"/{hops}"))
    assert (caught.value.code, caught.value.details) == ("HTTP_BLOCKED", {"reason": reason})
    assert [block[1] for block in reported] == [reason]
    assert len(server.requests) == hops
    assert inside.connections == 0


def test_it_follows_five_redirects_and_no_more(client):
    with LoopbackServer({f"/{hop}": redirect(f"/{hop - 1}") for hop in range(1, 7)} | {"/0": answer(200)}) as server:
        got = client.request("GET", server.url("/5"))
        assert (got.status, got.url) == (200, server.url("/0"))
        with pytest.raises(HostError, match="more than 5 times") as caught:
            client.request("GET", server.url("/6"))
    assert caught.value.code == "HTTP_FAILED"


def test_a_redirect_loop_ends(client):
    with LoopbackServer({"/": redirect("/")}) as server, pytest.raises(HostError, match="redirects"):
        client.request("GET", server.url())
    assert len(server.requests) == 6


def test_with_no_redirects_allowed_the_redirect_is_the_answer(client):
    with LoopbackServer({"/": redirect("http://127.0.0.2/")}) as server:
        got = client.request("GET", server.url(), redirects=0)
    assert (got.status, got.headers["location"]) == (302, "http://127.0.0.2/")


def test_a_redirect_without_location_is_the_answer(client):
    with LoopbackServer({"/": answer(302, b"lost")}) as server:
        assert client.request("GET", server.url()).status == 302


@pytest.mark.parametrize(
    ("method", "status", "becomes", "with_body"),
    [
        ("POST", 301, "GET", False),
        ("POST", 302, "GET", False),
        ("POST", 303, "GET", False),
        ("POST", 307, "POST", True),
        ("POST", 308, "POST", True),
        ("PUT", 301, "PUT", True),
        ("PUT", 302, "PUT", True),
        ("PUT", 303, "GET", False),
        ("DELETE", 303, "GET", False),
        ("HEAD", 303, "HEAD", False),
        ("GET", 302, "GET", False),
    ],
)
def test_the_method_changes_as_in_browsers(client, method, status, becomes, with_body):
    body = None if method in ("GET", "HEAD") else b"payload"
    with LoopbackServer({"/": redirect("/end", status), "/end": echo}) as server:
        client.request(method, server.url(), body=body, headers={"Content-Type": "text/x"} if body else {})
        last = server.requests[-1]
    assert (last.method, last.path) == (becomes, "/end")
    assert (last.body, "content-type" in last.headers) == ((b"payload", True) if with_body else (b"", False))


SECRETS = {"Authorization": "Bearer s", "Cookie": "s=1", "X-Api-Key": "s", "X-Auth-Token": "s"}


def test_secrets_stay_with_their_origin(client):
    with LoopbackServer({"/": redirect("/end"), "/end": echo}) as server:
        client.request("GET", server.url(), headers=SECRETS)
        assert {name.lower() for name in SECRETS} <= set(server.requests[-1].headers)


def test_secrets_are_dropped_for_another_host_or_port(client):
    with LoopbackServer({"/end": echo}) as other, LoopbackServer() as server:
        server.routes = {"/": redirect(other.url("/end"))}
        client.request("GET", server.url(), headers=SECRETS | {"Accept": "text/x"})
    assert not {name.lower() for name in SECRETS} & set(other.requests[-1].headers)
    assert other.requests[-1].headers["accept"] == "text/x"


def test_dropped_secrets_do_not_come_back_with_the_way_home(client):
    with LoopbackServer() as other, LoopbackServer({"/end": echo}) as server:
        server.routes = {**server.routes, "/": redirect(other.url("/"))}
        other.routes = {"/": redirect(server.url("/end"))}
        client.request("GET", server.url(), headers=SECRETS)
    assert "authorization" not in server.requests[-1].headers
