"""The reference of the SDK, as people read it in the application."""

from collections.abc import Callable

import pytest

from services import typings
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.mark.parametrize("language", typings.LANGUAGES)
def test_every_member_is_explained_in_the_readers_language(bob: Person, sign_in: SignIn, language: str) -> None:
    browser = sign_in(bob)
    browser.get("/profile")
    browser.post("/preferences/language", language=language)
    page = browser.get("/reference").text

    assert [m.path for m in typings.members() if f'id="{m.path}"' not in page] == []
    once = next(member for member in typings.members() if member.path == "sdk.once")
    assert once.text(language).split("\n")[0] in page


def test_the_menu_leads_there_and_strangers_sign_in_first(bob: Person, sign_in: SignIn, stranger: Browser) -> None:
    assert 'href="/reference"' in sign_in(bob).get("/").text
    assert stranger.get("/reference").headers["Location"].startswith("/sign-in")


def test_who_may_not_see_scripts_sees_no_reference(root: Person, sign_in: SignIn) -> None:
    """A superadmin chooses a business first."""
    assert sign_in(root).get("/reference").headers["Location"] == "/tenants"
