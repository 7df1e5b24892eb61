"""A secret a run read is masked in every shape it takes by accident, and nothing else is touched."""

import base64
import json
import time
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest

from services.granted.redactor import MASK, Redactor

SECRET = 'sk/live "42"+ü&ключ=='


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.add(SECRET)
    return redactor


def holds(shown: object, secret: str = SECRET) -> bool:
    """Whether eight characters of the secret in a row can still be read in what is shown, white space aside."""
    text = "".join(json.dumps(shown, ensure_ascii=False).split())
    squeezed = "".join(secret.split())
    return any(squeezed[at : at + 8] in text for at in range(len(squeezed) - 7))


@pytest.mark.parametrize(
    "shape",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps({"key": SECRET})),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="!*'()"),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_every_shape_is_masked_wherever_it_stands(redactor: Redactor, shape: str) -> None:
    for text in (shape, f"before {shape} after", shape * 3):
        shown = redactor.redact(text)
        assert MASK in shown
        assert shape not in shown
        assert not holds(shown)


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "user:"])
def test_it_is_found_in_base64_of_more_than_itself(redactor: Redactor, user: str) -> None:
    """As in `Authorization: Basic`, where user name and password are encoded together."""
    shown = redactor.redact(base64.b64encode(f"{user}{SECRET}\n".encode()).decode())
    rest = shown.partition(MASK)
    assert rest[1]
    assert len(rest[0]) + len(rest[2]) <= len(user) * 2 + 12


@pytest.mark.parametrize("at", range(1, len(SECRET)))
def test_it_is_found_torn_in_two(redactor: Redactor, at: int) -> None:
    one, two = SECRET[:at], SECRET[at:]
    for shown in (f"{one} {two}", [one, two], {"a": one, "b": [{"c": two}]}, {"message": one, "data": two}):
        masked = redactor.redact(shown)
        assert MASK in json.dumps(masked, ensure_ascii=False)
        assert not holds(masked)


def test_it_is_found_letter_by_letter(redactor: Redactor) -> None:
    assert set(redactor.redact(list("x" + SECRET))) == {"x", MASK, " "}


def test_names_of_members_are_masked_too(redactor: Redactor) -> None:
    assert redactor.redact({SECRET: 1, "other": SECRET}) == {MASK: 1, "other": MASK}
    assert redactor.redact({f"{SECRET[:9]} {SECRET[9:]}": 1}) == {MASK: 1}


def test_digits_are_found_as_numbers_too() -> None:
    redactor = Redactor()
    redactor.add("9860123412341234")
    assert redactor.redact({"card": 9860123412341234, "n": 5, "ok": True}) == {"card": MASK, "n": 5, "ok": True}


def test_what_is_no_secret_stays_the_same_object(redactor: Redactor) -> None:
    thing = {"a": ["sk/live", 1, 2.5, None, True], "b": "plain …"}
    assert redactor.redact(thing) is thing
    assert Redactor().redact(thing) is thing


def test_a_dataclass_comes_back_as_one(redactor: Redactor) -> None:
    @dataclass(frozen=True)
    class Line:
        level: str
        message: str
        data: object

    assert redactor.redact(Line("info", SECRET, {"n": 1})) == Line("info", MASK, {"n": 1})


@pytest.mark.parametrize("cut", range(8, len("sk_live_4eC39HqLyjWDarjtT1zdp7dc")))
def test_what_a_shortened_line_left_of_it_is_masked(cut: int) -> None:
    secret = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
    redactor = Redactor()
    redactor.add(secret)
    shown = redactor.redact(f"head {secret[:cut]} …[400 characters cut]… {secret[-cut:]} tail")
    assert shown == f"head {MASK} …[400 characters cut]… {MASK} tail"
    assert redactor.redact(f"{secret[:cut]}…") == f"{MASK}…"


@pytest.mark.parametrize(
    ("shown", "masked"),
    [
        ('Unexpected token, "sk_live_4e"... is not valid JSON', 'Unexpected token, "••••"... is not valid JSON'),
        ('in ..."jtT1zdp7dc" is not', 'in ..."••••" is not'),
        ('in ..."jWDarjtT1zdp"... is not', 'in ..."••••"... is not'),
        ('in ...\\"jtT1zdp7dc\\" is', 'in ...\\"••••\\" is'),
        ('{"a":"sk_live_4eC3… more', '{"a":"••••… more'),
        ("'SK_LIVE_4EC3…'", "'••••…'"),
        ("sk_live_… sk_live_4… sk_liv… zzz", "••••… ••••… sk_liv… zzz"),
    ],
)
def test_what_is_left_at_a_gap_within_a_text_is_masked(shown: str, masked: str) -> None:
    redactor = Redactor()
    redactor.add("sk_live_4eC39HqLyjWDarjtT1zdp7dc")
    assert redactor.redact(shown) == masked


def test_gaps_without_number_and_long_secrets_take_no_time() -> None:
    """The length of a secret times the gaps of a line: a line would have kept a process busy for minutes."""
    redactor = Redactor()
    redactor.add("a" * 8_000 + "b" * 8_000)
    began = time.monotonic()
    for text in ("…[1 characters cut]…" * 400, "a" * 8_100 + "…", "…" + "b" * 8_100, '..."aaaaaaaaaa"...' * 400):
        redactor.redact({"message": text})
    redactor.redact(["a title that is too long…"] * 20_000)
    assert time.monotonic() - began < 10


def test_each_line_of_a_key_and_each_text_of_a_document_is_masked() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END KEY-----"
    redactor = Redactor()
    redactor.add(json.dumps({"type": "service", "private_key": key}))
    assert MASK in redactor.redact(key)
    lines = Redactor()
    lines.add(key)
    assert lines.redact("BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj") == MASK


def test_a_short_secret_is_masked_as_a_whole_only() -> None:
    redactor = Redactor()
    redactor.add("1234")
    assert redactor.redact(["pin 1234.", "12", "34", 1234]) == [f"pin {MASK}.", "12", "34", MASK]


def test_megabytes_are_searched(redactor: Redactor) -> None:
    rows = [{"name": "x" * 90, "n": at} for at in range(20_000)]
    redactor.redact(rows)
    assert redactor.redact([*rows, SECRET])[-1] == MASK


def test_bottomless_nesting_is_hidden_as_a_whole(redactor: Redactor) -> None:
    nested: list[object] = [SECRET]
    for _ in range(100_000):
        nested = [nested]
    assert redactor.redact(nested) == MASK
