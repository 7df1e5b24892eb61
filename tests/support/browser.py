"""Fixtures: a real Chromium, one for all tests, and pages in contexts of their own (cookies, storage, window)."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests.conftest import PASSWORD, Person
from tools.setup.browser import find_chromium

# Several browsers may share the machine, and waiting longer costs nothing when all is well.
PATIENCE_MS = 40_000
# Pages live for seconds here: making their scripts as fast as can be takes longer than they then save.
PLAIN_JAVASCRIPT = "--js-flags=--no-opt,--no-lazy-feedback-allocation"
# Nobody looks at them, but for what pages are told of their own layout.
PLAIN_GRAPHICS = ("--disable-gpu", "--disable-software-rasterizer")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        _no_chromium()
    # Chromium's own sandbox does not work for root, and not in most containers; it only ever meets our pages here.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", PLAIN_JAVASCRIPT, *PLAIN_GRAPHICS]
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`new_page(locale="ru", color_scheme="dark", viewport=…)`: a page in a fresh context, closed with the test."""
    contexts: list[BrowserContext] = []

    def make(**context_options: Any) -> Page:
        contexts.append(browser.new_context(**context_options))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def signed_in(new_page: Callable[..., Page], address: str) -> Callable[..., Page]:
    """`signed_in(alice, locale="ru")`: an empty page of somebody who has signed in. The first day's journey does it by hand."""

    def enter(who: Person, **context_options: Any) -> Page:
        page = new_page(base_url=address, **{"viewport": {"width": 1440, "height": 900}, **context_options})
        form = page.request.get("/sign-in").text()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        assert token, form
        entered = {"csrf_token": token[1], "email": who.email, "password": PASSWORD}
        assert page.request.post("/sign-in", form=entered, max_redirects=0).status in (302, 303)
        return page

    return enter


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The application served over HTTP while the test runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _no_chromium() -> None:
    reason = "There is no Chromium here: install one, or name it in the variable CHROMIUM."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
