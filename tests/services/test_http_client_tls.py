"""HTTPS to a checked address keeps the name: it is sent, and the certificate is verified against it."""

import time

import pytest

from runtime.errors import HostError
from services.granted.addresses import HttpPolicy
from services.granted.http_client import HttpClient, HttpTransport
from tests.support.http_servers import Authority, LoopbackServer, answer, echo, names, redirect

LOOPBACK = HttpPolicy.from_lists(allow=["127.0.0.0/8:*"])
DNS = names({"bank.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]})


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def client(authority):
    transport = HttpTransport(resolve=DNS, tls=authority.trusted())
    yield HttpClient(transport, LOOPBACK)
    transport.close()


def refusal(client, server, host):
    with pytest.raises(HostError) as caught:
        client.request("GET", server.url(host=host), retries=0)
    assert caught.value.code == "HTTP_FAILED"
    return caught.value


def test_the_name_is_kept_for_sni_and_host(client, authority, tmp_path):
    asked = []
    context = authority.server("bank.example", tmp_path)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with LoopbackServer({"/": echo}, tls=context) as server:
        got = client.request("GET", server.url(host="bank.example"))
    assert asked == ["bank.example"]
    assert f"host: bank.example:{server.port}".encode() in got.body


def test_a_kept_connection_serves_the_next_request(client, authority, tmp_path):
    with LoopbackServer({"/": answer(200, b"x")}, tls=authority.server("bank.example", tmp_path)) as server:
        for _ in range(3):
            client.request("GET", server.url(host="bank.example"))
        assert server.connections == 1


def test_a_certificate_for_another_name_is_refused(client, authority, tmp_path):
    with LoopbackServer({"/": answer(200)}, tls=authority.server("bank.example", tmp_path)) as server:
        error = refusal(client, server, "other.example")
        assert "not trusted" in error.message
        assert not error.retryable
        refusal(client, server, "127.0.0.1")
    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(client, tmp_path):
    with LoopbackServer({"/": answer(200)}, tls=Authority().server("bank.example", tmp_path)) as server:
        assert "not trusted" in refusal(client, server, "bank.example").message


def test_an_expired_certificate_is_refused(client, authority, tmp_path):
    with LoopbackServer({"/": answer(200)}, tls=authority.server("bank.example", tmp_path, days=-1)) as server:
        assert "expired" in refusal(client, server, "bank.example").message


def test_the_default_trust_does_not_include_a_private_authority(authority, tmp_path):
    client = HttpClient(HttpTransport(resolve=DNS), LOOPBACK)
    with LoopbackServer({"/": answer(200)}, tls=authority.server("bank.example", tmp_path)) as server:
        assert "not trusted" in refusal(client, server, "bank.example").message


def test_plain_http_behind_https_is_a_clean_failure(client):
    with LoopbackServer({"/": answer(200)}) as server, pytest.raises(HostError) as caught:
        client.request("GET", f"https://bank.example:{server.port}/", retries=0, timeout=1)
    assert caught.value.code in ("HTTP_FAILED", "HTTP_TIMEOUT")


def test_a_handshake_that_never_ends_costs_the_timeout_and_no_more(client):
    with LoopbackServer() as server:
        server._converse = lambda peer: time.sleep(10)
        with pytest.raises(HostError) as caught:
            client.request("GET", f"https://bank.example:{server.port}/", timeout=0.5)
    assert caught.value.code == "HTTP_TIMEOUT"


def test_a_redirect_is_verified_under_its_own_name(client, authority, tmp_path):
    with LoopbackServer(tls=authority.server("bank.example", tmp_path)) as server:
        server.routes = {"/": redirect(server.url(host="other.example"))}
        assert "other.example" in refusal(client, server, "bank.example").message
