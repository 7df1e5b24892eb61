"""How paths are written, which of them meet, and what an address means."""

import pytest

from services import endpoint_paths as paths
from services.errors import Invalid


@pytest.mark.parametrize(("written", "kept"), [
    ("orders", "orders"), ("/orders/", "orders"), (" orders/:id ", "orders/:id"), ("v1.2/Orders_new~x/-", "v1.2/Orders_new~x/-"),
    ("a/b/c/d/e/f/g/h", "a/b/c/d/e/f/g/h"), (":any", ":any"), ("...", "..."),
])  # fmt: skip
def test_it_is_kept_without_slashes_at_its_ends(written, kept):
    assert paths.check(written) == kept


@pytest.mark.parametrize("wrong", [
    "", "/", "  ", "a//b", "..", "a/../b", "./a", "a b", "a%2Fb", "a%20", "заказы", "a?b", "a#b", "a\\b", "a\0", "a\nb", "a/:", "a/:1x",
    "a/:id/b/:id", "a/:i-d", "x" * 101, "a/" * 8 + "a", "a/" * 150, ":" + "n" * 41, "*", "a/{id}", 5, None, ["a"],
])  # fmt: skip
def test_what_is_no_path_is_refused(wrong):
    with pytest.raises(Invalid) as refusal:
        paths.check(wrong)
    assert refusal.value.field == "path"


@pytest.mark.parametrize(("address", "segments"), [
    ("orders/17", ["orders", "17"]), ("orders/17/", ["orders", "17"]), ("orders/a%2Fb", ["orders", "a/b"]),
    ("%6Frders", ["orders"]), ("orders/%D1%84", ["orders", "ф"]), ("orders/a+b", ["orders", "a+b"]), ("orders/%25", ["orders", "%"]),
    ("orders/%zz", ["orders", "%zz"]),
])  # fmt: skip
def test_an_address_is_split_before_it_is_decoded(address, segments):
    assert paths.decoded(address) == segments


@pytest.mark.parametrize("address", [
    "", "/", "a//b", "a//", "..", "a/..", "%2e%2e/a", "a/%2E", "a/%00", "a/%0d%0a", "a/%ff", "a/%7f", "a/" + "x" * 501,
])  # fmt: skip
def test_what_no_endpoint_can_mean_is_no_address(address):
    assert paths.decoded(address) is None


def test_the_most_literal_shape_comes_first():
    assert paths.shapes(["orders", "new"]) == ["orders/new", "orders/:", ":/new", ":/:"]
    assert paths.shapes(["orders", "a/b"]) == ["orders/:", ":/:"]
    assert paths.shapes([":", "x"]) == [":/x", ":/:"]
    assert paths.shapes(["x"] * 9) == [] == paths.shapes([])
    assert len(paths.shapes(["x"] * 8)) == 256


def test_paths_of_one_shape_meet_whatever_their_names():
    assert paths.shape("orders/:id/lines/:n") == paths.shape("orders/:order/lines/:line") == "orders/:/lines/:"
    assert paths.values("orders/:id/lines/:n", ["orders", "7", "lines", "2"]) == {"id": "7", "n": "2"}
