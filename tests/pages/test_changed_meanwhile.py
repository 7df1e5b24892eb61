"""Two people have one schedule, endpoint or subscription open: who saves second is told, loses nothing, and decides."""

import html
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, text

from models import AuditEntry, Endpoint, Schedule, Script, Subscription, Tenant, db
from models.tenancy import as_system, as_tenant
from services import endpoints, schedules, scripts, subscriptions
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
one_database = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SCHEDULE = {"cron": "0 9 * * *", "timezone": "UTC", "overlap": "skip", "misfire": "once", "jitter_seconds": "0"}
ENDPOINT = {"path": "orders", "methods": ["POST"], "auth": "token", "mode": "sync", "rate_per_minute": "600", "preset": "plain",
            "preset_shown": "plain", "signature_algorithm": "sha256", "signature_encoding": "hex"}  # fmt: skip
SUBSCRIPTION = {"event_type": "order.created", "view": "builder", "n.kind": "all", "enabled": "1"}


@dataclass(frozen=True)
class Kind:
    name: str
    form: dict[str, Any]
    field: str  # what both change
    model: type[Any]
    values: tuple[str, str]
    make: Callable[..., Any]


KINDS = (
    Kind("schedule", SCHEDULE, "cron", Schedule, ("0 10 * * *", "0 11 * * *"),
         lambda who, script: schedules.create(who, script.id, schedules.Changes(cron="0 9 * * *", timezone="UTC"))),
    Kind("endpoint", ENDPOINT, "path", Endpoint, ("bills", "invoices"),
         lambda who, script: endpoints.create(who, script.id, endpoints.Changes(
             path="orders", auth="token", options={"rate_per_minute": 600}))),
    Kind("subscription", SUBSCRIPTION, "event_type", Subscription, ("order.paid", "order.sent"),
         lambda who, script: subscriptions.create(who, script.id, "order.created")),
)  # fmt: skip


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def script(app: Flask, alice: Person, acme: Tenant) -> Script:
    with app.app_context(), as_tenant(db.session, acme.id):
        return scripts.create(alice.principal, scripts.Changes(name="Reconcile", source="return 1"))


@pytest.fixture
def address(app: Flask, alice: Person, acme: Tenant, script: Script, kind: Kind) -> str:
    with app.app_context(), as_tenant(db.session, acme.id):
        return f"/{kind.name}s/{kind.make(alice.principal, script).id}"


@pytest.fixture
def dilnoza(make_user: Callable[..., Person], acme: Tenant) -> Person:
    return make_user("dilnoza@acme.test", acme)


def mark_in(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert found
    return found.group(1)


class Author:
    """Somebody with the page open."""

    def __init__(self, browser: Browser, address: str, kind: Kind) -> None:
        self._browser, self._address, self._kind = browser, address, kind
        self.seen = mark_in(browser.get(address).text)

    def save(self, value: str, **more: str) -> Any:
        answer = self._browser.post(
            self._address, **{**self._kind.form, self._kind.field: value, "seen": self.seen, **more}
        )
        self._browser.get("/profile")
        return answer

    def pause(self) -> None:
        assert self._browser.post(f"{self._address}/enabled", enabled="0").status_code == 303


def kept(app: Flask, kind: Kind) -> str:
    with app.app_context(), as_system(db.session):
        return str(getattr(db.session.scalars(select(kind.model)).one(), kind.field))


def test_who_saves_second_is_told_keeps_what_they_typed_and_may_save_over_it(
    app: Flask, kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    theirs, mine = kind.values
    first, second = Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)
    assert first.save(theirs).status_code == 303

    refused = second.save(mine)

    shown = html.unescape(refused.text)
    assert refused.status_code == 409
    assert "Dilnoza changed it while you were editing" in shown
    assert "saving puts it in place of that" in shown and "Discard mine" in shown and f'href="{address}"' in shown
    assert f'value="{mine}"' in shown
    assert kept(app, kind) == theirs
    second.seen = mark_in(refused.text)
    assert second.save(mine).status_code == 303
    assert kept(app, kind) == mine


@one_database
def test_a_third_change_while_one_decides_is_told_again(
    app: Flask, kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    theirs, mine = kind.values
    first, second = Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)
    first.save(theirs)
    second.seen = mark_in(second.save(mine).text)
    first.seen = mark_in(first._browser.get(address).text)
    assert first.save(kind.form[kind.field]).status_code == 303

    assert second.save(mine).status_code == 409
    assert kept(app, kind) == kind.form[kind.field]


@one_database
def test_a_form_with_a_fault_keeps_the_mark_it_came_with(
    kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    theirs, mine = kind.values
    first, second = Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)
    first.save(theirs)

    faulty = second.save("!")

    assert faulty.status_code == 422
    assert mark_in(faulty.text) == second.seen
    assert second.save(mine).status_code == 409


@one_database
def test_who_saves_what_is_there_already_is_not_stopped(
    app: Flask, kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    """Both made the same change, or one pressed twice."""
    theirs, _ = kind.values
    for author in [Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)]:
        assert author.save(theirs).status_code == 303
        assert author.save(theirs).status_code == 303


@one_database
def test_ones_own_other_window_is_called_that(kind: Kind, address: str, alice: Person, sign_in: SignIn) -> None:
    theirs, mine = kind.values
    windows = [Author(sign_in(alice), address, kind) for _ in range(2)]
    windows[0].save(theirs)
    assert "You changed it in another window" in windows[1].save(mine).text


@one_database
def test_a_pause_stands_in_nobodys_way_unless_the_form_would_undo_it(
    app: Flask, kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    first, second = Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)
    first.pause()
    saved = second.save(kind.values[1])
    if kind.name == "subscription":
        assert saved.status_code == 409
        assert "Dilnoza" in saved.text
    else:
        assert saved.status_code == 303
    with app.app_context(), as_system(db.session):
        assert not db.session.scalars(select(kind.model.enabled)).one()


@one_database
def test_a_pause_is_not_taken_for_the_change(
    kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    first, second = Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)
    first.save(kind.values[0])
    if kind.name != "subscription":
        second.pause()
    assert "Dilnoza changed it" in second.save(kind.values[1]).text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_where_the_audit_log_has_forgotten_it_was_somebody(
    app: Flask, kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    first, second = Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)
    first.save(kind.values[0])
    with app.app_context(), as_system(db.session):
        db.session.execute(text("DROP TRIGGER audit_no_delete"))
        db.session.execute(delete(AuditEntry).where(AuditEntry.target_type == kind.name))
        db.session.commit()
    assert "Somebody changed it while you were editing" in second.save(kind.values[1]).text


def test_of_two_who_save_at_the_same_moment_one_is_told(
    app: Flask, kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    authors = [Author(sign_in(person), address, kind) for person in (alice, dilnoza)]
    with ThreadPoolExecutor(2) as together:
        answers = list(together.map(lambda pair: pair[0].save(pair[1]), zip(authors, kind.values, strict=True)))

    assert sorted(answer.status_code for answer in answers) == [303, 409]
    winner = next(value for answer, value in zip(answers, kind.values, strict=True) if answer.status_code == 303)
    assert kept(app, kind) == winner


@one_database
@pytest.mark.parametrize("kind", KINDS[2:], indirect=True, ids=["subscription"])
def test_looking_at_a_filter_keeps_the_mark(
    kind: Kind, address: str, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    """The builder sends the form after every change of a field."""
    first, second = Author(sign_in(dilnoza), address, kind), Author(sign_in(alice), address, kind)
    first.save(kind.values[0])
    second.seen = mark_in(second.save(kind.values[1], do="look").text)
    assert second.save(kind.values[1]).status_code == 409


@one_database
def test_a_form_without_a_mark_is_taken_as_before(
    app: Flask, kind: Kind, address: str, alice: Person, sign_in: SignIn
) -> None:
    """As from a page that was open while the workbench was updated."""
    author = Author(sign_in(alice), address, kind)
    author.save(kind.values[0])
    author.seen = ""
    assert author.save(kind.values[1]).status_code == 303
    assert kept(app, kind) == kind.values[1]


# ---- The settings of a script itself, of which there are no versions. ----


@dataclass
class Setter:
    browser: Browser
    page: str
    form: str

    def __post_init__(self) -> None:
        action = f'action="{self.page.removesuffix("settings")}{self.form}"'
        self.seen = mark_in(self.browser.get(self.page).text.partition(action)[2])

    def save(self, **fields: str) -> Any:
        return self.browser.post(f"{self.page.removesuffix('settings')}{self.form}", **fields, seen=self.seen)


@one_database
def test_who_saves_a_scripts_details_second_is_told_and_may_save_over_it(
    app: Flask, script: Script, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    page = f"/scripts/{script.id}/settings"
    first, second = Setter(sign_in(dilnoza), page, "settings"), Setter(sign_in(alice), page, "settings")
    assert first.save(name="Reconcile", description="theirs").status_code == 303

    refused = second.save(name="Reconcile", description="mine")

    assert refused.status_code == 409
    assert "Dilnoza changed it while you were editing" in refused.text
    assert "mine</textarea>" in refused.text
    second.seen = mark_in(refused.text.partition("/settings")[2])
    assert second.save(name="Reconcile", description="mine").status_code == 303
    with app.app_context(), as_system(db.session):
        assert db.session.scalars(select(Script.description)).one() == "mine"


@one_database
def test_a_scripts_details_code_and_retention_stand_in_nobodys_way(
    app: Flask, acme: Tenant, script: Script, alice: Person, dilnoza: Person, sign_in: SignIn
) -> None:
    page = f"/scripts/{script.id}/settings"
    keeping, naming = Setter(sign_in(dilnoza), page, "retention"), Setter(sign_in(alice), page, "settings")
    with app.app_context(), as_tenant(db.session, acme.id):
        scripts.save(alice.principal, script.id, scripts.Changes(source="return 2"))
    assert keeping.save(max_versions="50", retention_days="400", keep_milestones="y").status_code == 303
    assert naming.save(name="Reconcile all").status_code == 303


@one_database
def test_a_fault_in_one_card_of_a_scripts_settings_leaves_the_other_its_own_mark(
    script: Script, alice: Person, sign_in: SignIn
) -> None:
    browser, page = sign_in(alice), f"/scripts/{script.id}/settings"
    keeping, naming = Setter(browser, page, "retention"), Setter(browser, page, "settings")
    faulty = html.unescape(naming.save(name="").text)
    assert re.findall(r'name="seen" value="([0-9a-f]+)"', faulty) == [naming.seen, keeping.seen]
