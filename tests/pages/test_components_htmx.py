"""One view for browsers and htmx: messages and redirects reach the reader either way."""

import json
from collections.abc import Callable

import pytest

from tests.conftest import Person
from tests.support.http import Browser

HTMX = {"HX-Request": "true"}


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def alices(sign_in: Callable[[Person], Browser], alice: Person) -> Browser:
    browser = sign_in(alice)
    browser.get("/dev/components")
    return browser


def test_a_fragment_carries_its_message_as_a_toast(alices: Browser) -> None:
    answer = alices.post("/dev/components/toast", headers=HTMX)
    toasts = json.loads(answer.headers["HX-Trigger"])["toasts"]["items"]
    assert toasts == [{"kind": "ok", "text": "Version 15 saved"}]
    assert "Version 15 saved" not in alices.get("/").text  # said once


def test_a_page_shows_the_message_that_was_left_for_it(alices: Browser) -> None:
    answer = alices.post("/dev/components/toast")
    assert "HX-Trigger" not in answer.headers
    assert "Version 15 saved" in alices.get("/").text


def test_an_error_for_htmx_is_a_toast_beside_the_page(alices: Browser) -> None:
    answer = alices.get("/nowhere", headers=HTMX)
    assert answer.status_code == 404
    assert answer.text.strip().startswith('<hx-partial hx-target="#toasts"')
    assert "<html" not in answer.text


def test_an_error_page_gives_the_request_id_and_a_way_back(alices: Browser) -> None:
    answer = alices.get("/nowhere")
    assert answer.headers["X-Request-Id"] in answer.text
    assert 'href="/"' in answer.text


def test_caches_tell_pages_from_fragments(alices: Browser) -> None:
    assert "HX-Request" in alices.get("/").headers["Vary"]


def test_versioned_files_are_kept_and_plain_ones_are_asked_for_again(alices: Browser) -> None:
    page = alices.get("/").text
    address = page.split('href="/static/css/base.css', 1)[1].split('"', 1)[0]
    kept = alices.get(f"/static/css/base.css{address}")
    assert "immutable" in kept.headers["Cache-Control"]
    assert "immutable" not in alices.get("/static/css/base.css").headers["Cache-Control"]
