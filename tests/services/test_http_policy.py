"""What operators' and tenants' lists open and close."""

from ipaddress import ip_address
from types import SimpleNamespace

import pytest

from services.granted.addresses import HttpPolicy, parse_rule, parse_rules
from services.granted.http_urls import parse

PUBLIC, PRIVATE, LOOPBACK, METADATA = "93.184.216.34", "10.0.0.5", "127.0.0.1", "169.254.169.254"


def verdict(policy, url, address):
    target = parse(url)
    return policy.refuse_name(target) or policy.refuse_address(target, target.address or ip_address(address))


@pytest.mark.parametrize(
    ("allow", "url", "address", "expected"),
    [
        ([], "http://crm.example/", PRIVATE, "private"),
        (["crm.example"], "http://crm.example/", PRIVATE, None),
        (["crm.example"], "http://CRM.example./", PRIVATE, None),
        (["crm.example"], "http://crm.example:9000/", PRIVATE, "port"),
        (["crm.example:9000"], "http://crm.example:9000/", PRIVATE, None),
        (["crm.example:9000"], "http://crm.example/", PRIVATE, "private"),
        (["crm.example:*"], "http://crm.example:6379/", PRIVATE, None),
        (["crm.example:9000"], "http://crm.example:9000/", PUBLIC, None),
        (["crm.example"], "http://evil-crm.example/", PRIVATE, "private"),
        (["crm.example"], "http://crm.example.evil.example/", PRIVATE, "private"),
        (["*.crm.example"], "http://a.crm.example/", PRIVATE, None),
        (["*.crm.example"], "http://a.b.crm.example/", PRIVATE, None),
        (["*.crm.example"], "http://crm.example/", PRIVATE, "private"),
        (["*.crm.example"], "http://evilcrm.example/", PRIVATE, "private"),
        (["crm"], "http://crm/", PRIVATE, None),
        (["crm.local"], "http://crm.local/", PRIVATE, None),
        (["localhost:9000"], "http://localhost:9000/", LOOPBACK, None),
        (["10.0.0.0/24"], "http://any.example/", PRIVATE, None),
        (["10.0.0.0/24"], "http://10.0.0.5/", PRIVATE, None),
        (["10.0.0.0/24"], "http://any.example/", "10.0.1.5", "private"),
        (["10.0.0.0/24:9000"], "http://any.example/", PRIVATE, "private"),
        (["10.0.0.0/24:9000"], "http://any.example:9000/", PRIVATE, None),
        (["10.0.0.0/24:9000"], "http://any.example:9000/", PUBLIC, "port"),
        (["127.0.0.0/8"], "http://[::ffff:127.0.0.1]/", None, "embedded"),
        (["64:ff9b::/96"], "http://[64:ff9b::93.184.216.34]/", None, None),
        (["64:ff9b::/96"], "http://[64:ff9b::10.0.0.1]/", None, "private"),
        (["fd00::/8"], "http://[fd00::5]/", None, None),
        (["[fd00::/8]:9000"], "http://[fd00::5]:9000/", None, None),
        (["crm.example"], "http://crm.example/", METADATA, "metadata"),
        (["crm.example"], "http://crm.example/", "169.254.7.7", "link-local"),
        (["crm.example"], "http://crm.example/", "0.0.0.0", "unspecified"),
        (["crm.example"], "http://crm.example/", "224.0.0.1", "multicast"),
        (["169.254.0.0/16"], "http://169.254.169.254/", None, "metadata"),
        (["0.0.0.0/0"], "http://169.254.169.254/", None, "metadata"),
        (["169.254.169.254/32"], "http://169.254.169.254/", None, None),
        (["169.254.169.254"], "http://metadata.google.internal/", METADATA, None),
        (["metadata.google.internal"], "http://metadata.google.internal/", METADATA, "metadata"),
        (["metadata.google.internal"], "http://metadata.google.internal/", PUBLIC, "metadata"),
        (["*.internal"], "http://metadata.google.internal/", METADATA, "metadata"),
    ],
)
def test_an_operators_allow_list_opens_exactly_what_it_names(allow, url, address, expected):
    assert verdict(HttpPolicy.from_lists(allow=allow), url, address) == expected


@pytest.mark.parametrize(
    ("block", "allow", "url", "address", "expected"),
    [
        (["bad.example"], [], "http://bad.example/", PUBLIC, "operator"),
        (["bad.example"], ["bad.example"], "http://bad.example/", PUBLIC, "operator"),
        (["*.bad.example"], [], "http://a.bad.example/", PUBLIC, "operator"),
        (["bad.example:8080"], [], "http://bad.example/", PUBLIC, None),
        (["bad.example:8080"], [], "http://bad.example:8080/", PUBLIC, "operator"),
        (["93.184.0.0/16"], [], "http://any.example/", PUBLIC, "operator"),
        (["10.0.0.5"], ["10.0.0.0/8"], "http://any.example/", PRIVATE, "operator"),
        (["*"], [], "http://any.example/", PUBLIC, "operator"),
        (["*"], ["good.example"], "http://good.example/", PUBLIC, None),
        (["*"], ["93.184.0.0/16"], "http://any.example/", PUBLIC, None),
        (["*:8080"], [], "http://any.example:8080/", PUBLIC, "operator"),
        (["*:8080"], [], "http://any.example/", PUBLIC, None),
    ],
)
def test_a_block_wins_and_a_star_leaves_only_the_allow_list(block, allow, url, address, expected):
    assert verdict(HttpPolicy.from_lists(allow=allow, block=block), url, address) == expected


@pytest.mark.parametrize(
    ("tenant", "operator", "url", "address", "expected"),
    [
        (None, [], "http://any.example/", PUBLIC, None),
        ([], [], "http://any.example/", PUBLIC, "tenant"),
        (["good.example"], [], "http://good.example/", PUBLIC, None),
        (["good.example"], [], "http://any.example/", PUBLIC, "tenant"),
        (["*.good.example"], [], "http://a.good.example:8443/", PUBLIC, None),
        (["good.example:443"], [], "http://good.example/", PUBLIC, "tenant"),
        (["93.184.0.0/16"], [], "http://any.example/", PUBLIC, None),
        (["93.184.0.0/16"], [], "http://any.example/", "1.1.1.1", "tenant"),
        (["crm.example"], [], "http://crm.example/", PRIVATE, "private"),
        (["10.0.0.0/8"], [], "http://crm.example/", PRIVATE, "private"),
        (["good.example:22"], [], "http://good.example:22/", PUBLIC, "port"),
        (["crm.example"], ["10.0.0.0/8"], "http://crm.example/", PRIVATE, None),
        (["crm.example"], ["10.0.0.0/8"], "http://hr.example/", PRIVATE, "tenant"),
    ],
)
def test_a_tenants_list_narrows_and_never_opens(tenant, operator, url, address, expected):
    assert verdict(HttpPolicy.from_lists(allow=operator, tenant_allow=tenant), url, address) == expected


def test_a_policy_comes_from_settings_and_equal_ones_are_equal():
    settings = SimpleNamespace(
        script_http_allow=("10.0.0.0/8:5000",), script_http_block="a.example, b.example c.example"
    )
    policy = HttpPolicy.from_settings(settings)
    assert [rule.host for rule in policy.block] == ["a.example", "b.example", "c.example"]
    assert policy == HttpPolicy.from_settings(settings)
    assert hash(policy) == hash(HttpPolicy.from_settings(settings))


@pytest.mark.parametrize(
    "entry",
    [
        "http://a.example",
        "a b",
        "10.0.0.1/8",
        "*foo.example",
        "*.",
        "a.example:0",
        "a.example:99999",
        ":80",
        "[a]",
        "a..b",
    ],
)
def test_a_wrong_entry_is_named(entry):
    with pytest.raises(ValueError, match="not a") as caught:
        parse_rule(entry)
    assert repr(entry) in str(caught.value)


def test_every_host_can_be_blocked_but_not_allowed():
    assert parse_rules("*")[0].host == "*"
    with pytest.raises(ValueError, match="only for a block list"):
        HttpPolicy.from_lists(allow=["*"])
