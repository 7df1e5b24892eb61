"""Lists without an end: from the newest page to the last and all the way back, with the filters kept."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from models import AuditEntry, DeadLetter, Endpoint, Event, Execution, Schedule, Script, db
from models.base import utcnow
from models.tenancy import as_system, as_tenant
from services import audit, scripts
from services.audit import Filters, Target
from services.paging import Page
from services.scripts import Changes
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
COUNT = 120


@pytest.fixture
def script(app: Flask, alice: Person) -> Script:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        made = scripts.create(alice.principal, Changes(name="Price new orders"))
        db.session.expunge(made)
        return made


def kept_rows(script: Script) -> list[object]:
    """As many of each kind; every second moment is shared by two rows."""
    of_script, rows = {"script_id": script.id}, []
    for number in range(COUNT):
        at = utcnow() - timedelta(minutes=number // 2)
        rows += [
            Event(type=f"a.n{number:03}", source="api", created_at=at),
            Event(type="b", source="api", created_at=at),
            DeadLetter(**of_script, event_type=f"a.n{number:03}", error_code="X", version_number=1, failed_at=at),
            Execution(**of_script, version_number=number + 1000, trigger="manual", status="cancelled", created_at=at),
            Schedule(**of_script, cron=f"{number % 60} {number // 60} * * *", timezone="UTC", created_at=at),
            Endpoint(**of_script, path=f"path/{number:03}", methods=["GET"], created_at=at),
        ]
    return rows


LISTS = {
    "/audit?action=user.invited": r"n\d\d\d@acme\.test",
    "/events?type=a.*": r'href="(/events/[^"]+)"',
    "/dead-letters?code=X": r'href="(/dead-letters/[^"]+)"',
    "/executions?status=cancelled": r'href="(/executions/[^"]+)"',
    "/schedules": r'href="(/schedules/[^"]+)"',
    "/endpoints": r'href="(/endpoints/[^"]+)"',
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_list_leads_from_page_to_page_and_back(app, alice: Person, script: Script, sign_in: SignIn) -> None:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        db.session.add_all(kept_rows(script))
        for number in range(COUNT):
            audit.record(alice.principal, "user.invited", Target("user", label=f"n{number:03}@acme.test"))
        db.session.commit()
    browser = sign_in(alice)

    for first, shown in LISTS.items():
        pages = [browser.get(first).text]
        while older := leads(pages[-1], "next"):
            pages.append(browser.get(older).text)
        assert len(pages) >= 3 and leads(pages[0], "prev") is None, first
        seen = [re.findall(shown, page.partition("<tbody")[2]) for page in pages]
        assert len({row for rows in seen for row in rows}) == COUNT, first
        page = pages[-1]
        for expected in reversed(seen[:-1]):
            newer = leads(page, "prev")
            assert newer and newer.startswith(first), (first, newer)
            page = browser.get(newer).text
            assert re.findall(shown, page.partition("<tbody")[2]) == expected, first
        assert leads(page, "prev") is None, first


def leads(page: str, way: str) -> str | None:
    found = re.search(rf'href="([^"]+)" rel="{way}"', page)
    return found[1].replace("&amp;", "&") if found else None


def test_what_is_newer_is_read_page_by_page(app: Flask, alice: Person) -> None:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        for number in range(7):
            audit.record(alice.principal, "user.invited", Target("user", label=str(number)))
        db.session.commit()

        def page(cursor: str) -> Page[AuditEntry]:
            return audit.page(alice.principal, Filters(action="user.invited"), cursor, limit=2)

        def labels(cursor: str) -> list[str]:
            return [entry.target_label for entry in page(cursor).rows]

        second = page(page("").next_cursor or "")
        third = page(second.next_cursor or "")
        assert [entry.target_label for entry in third.rows] == ["2", "1"]
        assert labels(third.newer_cursor or "") == ["4", "3"] and page(third.newer_cursor or "").newer_cursor
        back = page(page(third.newer_cursor or "").newer_cursor or "")
        assert [entry.target_label for entry in back.rows] == ["6", "5"] and back.newer_cursor is None
        assert page(page(third.newer_cursor or "").next_cursor or "").rows == third.rows
        audit.record(alice.principal, "user.invited", Target("user", label="new"))
        db.session.commit()
        assert labels(second.newer_cursor or "") == ["6", "5"]


def test_a_page_whose_rows_are_gone_leads_to_the_newest(app: Flask, alice: Person, sign_in: SignIn) -> None:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        db.session.add_all(Event(type="a", source="api") for _ in range(51))
        db.session.commit()
    browser = sign_in(alice)
    last = leads(browser.get("/events?type=a").text, "next")
    with app.app_context(), as_system(db.session):
        db.session.query(Event).delete()
        db.session.commit()
    page = browser.get(last).text

    assert "No events" in page and leads(page, "prev") == "/events?type=a"
