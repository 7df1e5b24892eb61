"""A script, the engine, the client and a server together: time limits, cancellation and blocks as a run meets them."""

import threading
import time
from types import SimpleNamespace

import pytest

from runtime import Limits, Runtime, RuntimeConfig
from runtime.host import HttpApi
from services.granted.addresses import HttpPolicy
from services.granted.http_client import HttpClient, HttpTransport
from tests.support.http_servers import LoopbackServer, answer

LOOPBACK = HttpPolicy.from_lists(allow=["127.0.0.1:*"])


@pytest.fixture(scope="module")
def runtime():
    runtime = Runtime(RuntimeConfig(pool_size=1))
    yield runtime
    runtime.close(drain_seconds=1)


@pytest.fixture
def host():
    transport = HttpTransport()
    yield {"http": HttpApi().bind(SimpleNamespace(http=HttpClient(transport, LOOPBACK)))}
    transport.close()


def drip_for_ever(peer, request):
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        peer.drip([b"x"], every=0.05)


def test_a_script_gets_json_from_a_server(runtime, host):
    with LoopbackServer({"/rates": answer(200, b'{"UZS": 12650}', content_type="application/json")}) as server:
        out = runtime.execute("return (await sdk.http.get(context.input)).json().UZS;",
                              input=server.url("/rates"), host=host)  # fmt: skip
    assert (out.error, out.value) == (None, 12650)


def test_requests_of_one_run_go_out_together(runtime, host):
    together = threading.Barrier(4, timeout=8)

    def meet(peer, request):
        together.wait()
        peer.send(answer(200))

    with LoopbackServer({"/": meet}) as server:
        out = runtime.execute(
            "await Promise.all([1, 2, 3, 4].map(() => sdk.http.get(context.input)));", input=server.url(), host=host
        )
    assert out.error is None


def test_a_blocked_address_is_an_error_the_script_can_read(runtime, host):
    out = runtime.execute("await sdk.http.get('http://169.254.169.254/');", host=host)
    assert out.error.code == "HTTP_BLOCKED"
    assert not out.error.retryable


def test_the_end_of_the_run_closes_its_connections(runtime, host):
    with LoopbackServer({"/": drip_for_ever}) as server:
        out = runtime.execute(
            "await sdk.http.get(context.input);", input=server.url(), host=host, limits=Limits(timeout_ms=1000)
        )
        assert out.error.code in ("TIMEOUT", "HTTP_TIMEOUT")
        assert server.hung_up_by_client.wait(5)


def test_cancelling_the_run_closes_its_connections(runtime, host):
    with LoopbackServer({"/": drip_for_ever}) as server:
        cancel = threading.Timer(0.5, runtime.cancel, ["to-cancel"])
        started = time.monotonic()
        out = runtime.execute(
            "await sdk.http.get(context.input);",
            input=server.url(),
            host=host,
            execution_id="to-cancel",
            on_start=cancel.start,
        )
        assert out.error.code == "CANCELLED"
        assert server.hung_up_by_client.wait(5)
    assert time.monotonic() - started < 4
