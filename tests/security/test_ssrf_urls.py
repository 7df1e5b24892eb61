"""URLs that try to reach what a script must not reach. None of them may lead to a connection."""

import pytest

from runtime.errors import HostError
from services.granted.addresses import HttpPolicy
from services.granted.http_client import HttpClient, HttpTransport
from services.granted.http_sockets import Channel
from tests.support.http_servers import names

DNS = names(
    {
        "loopback.example": ["127.0.0.1"],
        "private.example": ["10.1.2.3"],
        "mixed.example": ["93.184.216.34", "192.168.0.1"],
        "mixed-first.example": ["169.254.169.254", "93.184.216.34"],
        "metadata.example": ["169.254.169.254"],
        "mapped.example": ["::ffff:127.0.0.1"],
        "nat64.example": ["64:ff9b::7f00:1"],
        "six.example": ["fd12:3456::1"],
        "linklocal6.example": ["fe80::1%eth0"],
        "unspecified.example": ["0.0.0.0"],
        "public.example": ["93.184.216.34"],
    }
)

BLOCKED = [
    # this machine
    ("http://127.0.0.1/", "loopback"),
    ("http://127.0.0.1:80/", "loopback"),
    ("https://127.0.0.1/", "loopback"),
    ("http://127.255.255.254/", "loopback"),
    ("http://127.0.0.1./", "loopback"),
    ("http://[::1]/", "loopback"),
    ("http://[0:0:0:0:0:0:0:1]/", "loopback"),
    ("http://[0000::0001]:8080/", "loopback"),
    ("http://localhost/", "local-name"),
    ("http://LOCALHOST:8080/", "local-name"),
    ("http://localhost./", "local-name"),
    ("http://anything.localhost/", "local-name"),
    ("http://loopback.example/", "loopback"),
    ("http://LoopBack.Example./", "loopback"),
    ("http://0.0.0.0/", "unspecified"),
    ("http://0.1.2.3/", "reserved"),
    ("http://[::]/", "unspecified"),
    ("http://unspecified.example/", "unspecified"),
    # the same machine, written so that some parsers know it and others do not
    ("http://127.1/", "url"),
    ("http://127.0.1/", "url"),
    ("http://2130706433/", "url"),
    ("http://0x7f000001/", "url"),
    ("http://0x7f.0.0.1/", "url"),
    ("http://0x7f.1/", "url"),
    ("http://0177.0.0.1/", "url"),
    ("http://017700000001/", "url"),
    ("http://127.0.0.01/", "url"),
    ("http://127.0.0.0x1/", "url"),
    ("http://127.0.0.1.0x/", "url"),
    ("http://0/", "url"),
    ("http://0x/", "url"),
    ("http://256.256.256.256/", "url"),
    ("http://127.0.0.256/", "url"),
    ("http://4294967297/", "url"),
    ("http://１２７.0.0.1/", "url"),
    ("http://①②⑦.⓪.⓪.①/", "url"),
    ("http://127。0。0。1/", "url"),
    ("http://127．0．0．1/", "url"),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "url"),
    ("http://ｌocalhost/", "url"),
    ("http://localho\u017ft/", "url"),
    ("http://local\u00adhost/", "url"),
    ("http://local\u200dhost.example/", "url"),
    ("http://%31%32%37.0.0.1/", "url"),
    ("http://127.0.0.1%00.example.com/", "url"),
    ("http://127.0.0.1%2e/", "url"),
    # IPv4 inside IPv6
    ("http://[::ffff:127.0.0.1]/", "embedded"),
    ("http://[::ffff:7f00:1]/", "embedded"),
    ("http://[::ffff:0:127.0.0.1]/", "embedded"),
    ("http://[::127.0.0.1]/", "embedded"),
    ("http://[::ffff:93.184.216.34]/", "embedded"),
    ("http://[64:ff9b::127.0.0.1]/", "embedded"),
    ("http://[64:ff9b:1::10.0.0.1]/", "embedded"),
    ("http://[2002:7f00:1::]/", "embedded"),
    ("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "reserved"),
    ("http://[2001:470::5efe:127.0.0.1]/", "reserved"),
    ("http://mapped.example/", "embedded"),
    ("http://nat64.example/", "embedded"),
    # this site
    ("http://10.0.0.1/", "private"),
    ("http://172.16.0.1/", "private"),
    ("http://172.31.255.255/", "private"),
    ("http://192.168.1.1/", "private"),
    ("http://100.64.0.1/", "carrier"),
    ("http://[fd00::1]/", "private"),
    ("http://[fc00::1]/", "private"),
    ("http://[fec0::1]/", "private"),
    ("http://private.example/", "private"),
    ("http://six.example/", "private"),
    ("http://mixed.example/", "private"),
    ("http://router/", "local-name"),
    ("http://redis:8080/", "local-name"),
    ("http://printer.local/", "local-name"),
    ("http://db.internal/", "local-name"),
    ("http://api.default.svc/", "local-name"),
    ("http://api.default.svc.cluster.local/", "local-name"),
    # links, groups and numbers that are nobody's
    ("http://169.254.0.1/", "link-local"),
    ("http://[fe80::1]/", "link-local"),
    ("http://linklocal6.example/", "link-local"),
    ("http://224.0.0.1/", "multicast"),
    ("http://[ff02::1]/", "multicast"),
    ("http://255.255.255.255/", "reserved"),
    ("http://240.0.0.1/", "reserved"),
    ("http://192.0.2.1/", "reserved"),
    ("http://198.18.0.1/", "reserved"),
    ("http://[2001:db8::1]/", "reserved"),
    ("http://[4000::1]/", "reserved"),
    ("http://[100::1]/", "reserved"),
    # cloud metadata
    ("http://169.254.169.254/latest/meta-data/", "metadata"),
    ("http://169.254.169.254./", "metadata"),
    ("http://169.254.170.2/v2/credentials", "metadata"),
    ("http://168.63.129.16/", "metadata"),
    ("http://100.100.100.200/", "metadata"),
    ("http://192.0.0.192/", "metadata"),
    ("http://[fd00:ec2::254]/", "metadata"),
    ("http://[::ffff:169.254.169.254]/", "embedded"),
    ("http://metadata.google.internal/computeMetadata/v1/", "metadata"),
    ("http://METADATA.google.internal./", "metadata"),
    ("http://metadata.goog/", "metadata"),
    ("http://metadata/", "metadata"),
    ("http://instance-data/", "metadata"),
    ("http://metadata.example/", "metadata"),
    ("http://mixed-first.example/", "metadata"),
    # who is the host here?
    ("http://public.example@127.0.0.1/", "userinfo"),
    ("http://127.0.0.1@public.example/", "userinfo"),
    ("http://user:password@public.example/", "userinfo"),
    ("http://@public.example/", "userinfo"),
    ("http://public.example:80@127.0.0.1/", "userinfo"),
    ("http://public.example:80@127.0.0.1:8080@public.example/", "userinfo"),
    ("http://public.example\\@127.0.0.1/", "url"),
    ("http://127.0.0.1\\@public.example/", "url"),
    ("http:\\\\127.0.0.1/", "url"),
    ("http://public.example\\.127.0.0.1/", "url"),
    ("http:127.0.0.1/", "url"),
    ("http:/127.0.0.1/", "url"),
    ("http:///127.0.0.1/", "url"),
    ("http://", "url"),
    ("http://?x", "url"),
    ("http://:80/", "url"),
    ("http://./", "url"),
    ("http://../", "url"),
    ("http://public.example../", "url"),
    ("http://.public.example/", "url"),
    ("http://public..example/", "url"),
    ("http://-public.example/", "url"),
    ("http://public example/", "url"),
    ("http://public.example\t/", "url"),
    ("ht\ttp://public.example/", "url"),
    (" http://public.example/", "url"),
    ("http://public.example/\r\nHost: 127.0.0.1", "url"),
    ("http://public.example/a b HTTP/1.1", "url"),
    ("http://public.example/\x00", "url"),
    ("http://public.example\n/", "url"),
    ("http://public.example\u2028/", "url"),
    ("http://public.example\ud800/", "url"),
    ("http://[::1/", "url"),
    ("http://::1/", "url"),
    ("http://[127.0.0.1]/", "url"),
    ("http://[fe80::1%25eth0]/", "url"),
    ("http://[fe80::1%eth0]/", "url"),
    ("http://[::1]public.example/", "url"),
    ("http://[public.example]/", "url"),
    ("http://[v1.127]/", "url"),
    ("http://public.example:80:80/", "url"),
    ("http://public.example:/", "url"),
    ("http://public.example:0/", "url"),
    ("http://public.example:65536/", "url"),
    ("http://public.example:-80/", "url"),
    ("http://public.example:8٠/", "url"),
    ("http://public.example:0x50/", "url"),
    ("http://" + "a" * 64 + ".example/", "url"),
    ("http://" + "a." * 130 + "example/", "url"),
    ("http://stra\u00dfe.example/", "url"),
    # ports that speak something else
    ("http://public.example:22/", "port"),
    ("http://public.example:25/", "port"),
    ("http://public.example:53/", "port"),
    ("http://public.example:6379/", "port"),
    ("http://public.example:11211/", "port"),
    ("https://public.example:5432/", "port"),
    ("http://93.184.216.34:9200/", "port"),
    # other schemes
    ("file:///etc/passwd", "scheme"),
    ("FILE://public.example/etc/passwd", "scheme"),
    ("ftp://public.example/", "scheme"),
    ("gopher://public.example:6379/_FLUSHALL", "scheme"),
    ("dict://public.example/", "scheme"),
    ("ws://public.example/", "scheme"),
    ("data:text/plain,hello", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("jar:http://public.example!/", "scheme"),
    ("unix:/var/run/docker.sock", "scheme"),
    ("http+unix://%2Fvar%2Frun%2Fdocker.sock/", "scheme"),
]


@pytest.fixture
def no_connection(monkeypatch):
    def connect(address, port, deadline):
        pytest.fail(f"a connection to {address} port {port}")

    monkeypatch.setattr(Channel, "connect", connect)


@pytest.fixture
def reported():
    return []


@pytest.fixture
def client(reported):
    return HttpClient(HttpTransport(resolve=DNS), HttpPolicy(), on_blocked=lambda *block: reported.append(block))


@pytest.mark.parametrize(("url", "reason"), BLOCKED, ids=[ascii(url)[1:60] for url, _ in BLOCKED])
def test_it_blocks(client, no_connection, reported, url, reason):
    with pytest.raises(HostError) as caught:
        client.request("GET", url)
    assert (caught.value.code, caught.value.details) == ("HTTP_BLOCKED", {"reason": reason})
    assert not caught.value.retryable
    assert [block[1] for block in reported] == [reason]


@pytest.mark.parametrize("url", ["", "not", "//public.example/", "/path", "public.example", "http", "1http://x/"])
def test_it_says_what_a_url_looks_like(client, no_connection, reported, url):
    with pytest.raises(HostError, match="absolute") as caught:
        client.request("GET", url)
    assert caught.value.code == "INVALID_INPUT"
    assert reported == []


def test_a_huge_url_is_refused_before_it_is_read(client, no_connection):
    with pytest.raises(HostError, match="longer than") as caught:
        client.request("GET", "http://public.example/" + "a" * 100_000_000)
    assert caught.value.code == "INVALID_INPUT"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1/path?token=secret#secret", "http://127.0.0.1"),
        ("http://user:secret@public.example/secret", "http://public.example"),
        ("ftp://user:secret@public.example/secret?secret", "ftp://public.example"),
        ("http://user:secret@public.example\\secret", "http://public.example"),
        ("data:secret", "(not a URL)"),
        ("http://\r\n\x1b[31m/secret", "http://\\r\\n\\x1b[31m"),
    ],
)
def test_a_reported_block_tells_the_origin_and_no_secret(client, no_connection, reported, url, origin):
    with pytest.raises(HostError):
        client.request("GET", url)
    assert [block[0] for block in reported] == [origin]


@pytest.mark.parametrize(
    "url",
    [
        "http://public.example/",
        "HTTPS://PUBLIC.EXAMPLE./",
        "http://public.example:8080/",
        "https://public.example:8443",
        "http://93.184.216.34/",
        "http://[2606:2800:220:1::1]/",
        "http://public.example/@127.0.0.1/?u=http://127.0.0.1/#@127.0.0.1",
        "http://public.example?x=1",
    ],
)
def test_it_connects_to_ordinary_public_places(client, monkeypatch, url):
    connected = []

    def connect(address, port, deadline):
        connected.append(str(address))
        raise ConnectionRefusedError

    monkeypatch.setattr(Channel, "connect", connect)
    with pytest.raises(HostError) as caught:
        client.request("GET", url, retries=0)
    assert caught.value.code == "HTTP_FAILED"
    assert connected in (["93.184.216.34"], ["2606:2800:220:1::1"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1"},
        {"hOsT": "127.0.0.1"},
        {"Connection": "upgrade"},
        {"Keep-Alive": "timeout=5"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "0"},
        {"TE": "trailers"},
        {"Trailer": "x"},
        {"Upgrade": "websocket"},
        {"Expect": "100-continue"},
        {"Proxy-Authorization": "Basic x"},
        {"Proxy-Connection": "keep-alive"},
        {"Sec-Fetch-Site": "none"},
        {"Accept-Encoding": "br"},
        {"X-A": "1\r\nHost: 127.0.0.1"},
        {"X-A": "1\nX-B: 2"},
        {"X-A": "1\rX-B: 2"},
        {"X-A": "\x00"},
        {"X-A": "caf\u00e9"},
        {"X-A": "\ud800"},
        {"X-A\r\nHost": "127.0.0.1"},
        {"X A": "1"},
        {"X:A": "1"},
        {"": "1"},
        {"Host ": "127.0.0.1"},
        {"\u212aeep-Alive": "1"},
        {"X-A": "1", "x-a": "2"},
        {"X-A": "a" * 20_000},
        {f"X-{n}": "1" for n in range(100)},
    ],
    ids=lambda headers: ascii(headers)[:50],
)
def test_it_refuses_headers_that_are_not_a_scripts_to_set(client, no_connection, headers):
    with pytest.raises(HostError) as caught:
        client.request("GET", "http://public.example/", headers=headers)
    assert caught.value.code == "INVALID_INPUT"


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "GET / HTTP/1.1\r\n", "", "PROPFIND"])
def test_it_refuses_other_methods(client, no_connection, method):
    with pytest.raises(HostError, match="Not a method") as caught:
        client.request(method, "http://public.example/")
    assert caught.value.code == "INVALID_INPUT"
