"""Names that change their mind between the check and the connection, against a real DNS server."""

import ipaddress
import socket
import time

import pytest

from runtime.errors import HostError
from services.granted.addresses import HttpPolicy
from services.granted.deadline import Deadline
from services.granted.http_client import HttpClient, HttpTransport
from services.granted.http_names import resolve
from tests.support.http_servers import LoopbackServer, NameServer, answer, redirect

# 127.0.0.1 plays the public Internet here; 127.0.0.2 is the inside.
PUBLIC = HttpPolicy.from_lists(allow=["127.0.0.1:*"])


def client_of(dns):
    return HttpClient(HttpTransport(resolve=dns.resolve), PUBLIC)


@pytest.fixture
def outside():
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def inside(outside):
    """A server at the same port of the closed address, as a rebinding attack would find it."""
    server = LoopbackServer({"/": answer(200, b"the crown jewels")}, address="127.0.0.2", at_port=outside.port)
    with server:
        yield server


def test_it_connects_to_the_address_it_checked_and_asks_only_once(outside, inside):
    outside.routes = {"/": answer(200, b"public")}
    with NameServer({"evil.example": [["127.0.0.1"], ["127.0.0.2"]]}) as dns:
        assert client_of(dns).request("GET", outside.url(host="evil.example")).body == b"public"
        assert dns.zone.questions == ["evil.example"]
    assert inside.connections == 0


def test_the_next_connection_is_checked_again(outside, inside):
    outside.routes = {"/": answer(200, b"public", connection="close")}
    with NameServer({"evil.example": [["127.0.0.1"], ["127.0.0.2"]]}) as dns:
        client = client_of(dns)
        client.request("GET", outside.url(host="evil.example"))
        with pytest.raises(HostError) as caught:
            client.request("GET", outside.url(host="evil.example"))
    assert caught.value.code == "HTTP_BLOCKED"
    assert inside.connections == 0


def test_a_redirect_to_itself_does_not_help_a_rebinding_name(outside, inside):
    with NameServer({"evil.example": [["127.0.0.1"], ["127.0.0.2"]]}) as dns:
        outside.routes = {"/": answer(302, location=outside.url(host="evil.example"), connection="close")}
        with pytest.raises(HostError) as caught:
            client_of(dns).request("GET", outside.url(host="evil.example"))
    assert caught.value.code == "HTTP_BLOCKED"
    assert inside.connections == 0


def test_a_retry_does_not_help_a_rebinding_name(outside, inside):
    outside.routes = {"/": answer(503, connection="close")}
    with NameServer({"evil.example": [["127.0.0.1"], ["127.0.0.2"]]}) as dns, pytest.raises(HostError) as caught:
        client_of(dns).request("GET", outside.url(host="evil.example"))
    assert caught.value.code == "HTTP_BLOCKED"
    assert inside.connections == 0


@pytest.mark.parametrize("addresses", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
def test_one_closed_address_among_several_closes_the_name(outside, inside, addresses):
    with NameServer({"evil.example": [addresses]}) as dns, pytest.raises(HostError) as caught:
        client_of(dns).request("GET", outside.url(host="evil.example"))
    assert caught.value.code == "HTTP_BLOCKED"
    assert (outside.connections, inside.connections) == (0, 0)


def test_a_cross_origin_redirect_is_resolved_and_checked_anew(outside, inside):
    with NameServer({"good.example": [["127.0.0.1"]], "evil.example": [["127.0.0.2"]]}) as dns:
        outside.routes = {"/": redirect(inside.url(host="evil.example"))}
        with pytest.raises(HostError) as caught:
            client_of(dns).request("GET", outside.url(host="good.example"))
    assert caught.value.code == "HTTP_BLOCKED"
    assert inside.connections == 0


def test_the_system_resolver_is_asked_once_and_its_answer_is_what_is_connected_to(outside, inside, monkeypatch):
    asked = []

    def getaddrinfo(host, *_, **__):
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]

    outside.routes = {"/": answer(200, b"public")}
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    client = HttpClient(HttpTransport(), PUBLIC)
    assert client.request("GET", outside.url(host="evil.example")).body == b"public"
    assert asked == ["evil.example"]


def test_a_hanging_dns_server_costs_the_timeout_and_no_more(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5) or [])
    started = time.monotonic()
    with pytest.raises(HostError) as caught:
        HttpClient(HttpTransport(), HttpPolicy()).request("GET", "http://slow.example/", timeout=0.3)
    assert caught.value.code == "HTTP_TIMEOUT"
    assert time.monotonic() - started < 3


def test_the_system_resolver_keeps_each_address_once():
    assert ipaddress.ip_address("127.0.0.1") in resolve("localhost", Deadline(5))
