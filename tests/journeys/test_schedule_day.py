"""A schedule from the first keystroke to its first run, in a real browser with the real engine."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from models import Execution, Schedule, Script, db
from models.base import utcnow
from models.tenancy import as_system, as_tenant
from services import executions, firing, process, scripts
from tests.conftest import Person

pytestmark = pytest.mark.browser
AXE = Path("node_modules/axe-core/axe.min.js")


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def script(app: Flask, alice: Person) -> Iterator[Script]:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        yield scripts.create(alice.principal, scripts.Changes(name="Reconcile payments", source="return context.input"))
    process.close(app)


@pytest.fixture
def page(signed_in: Callable[..., Page], alice: Person) -> Page:
    return signed_in(alice, locale="en")


def clocks_go_forward() -> date:
    """Next year's last Sunday in March: Berlin has no 02:30 then."""
    last = date(utcnow().year + 1, 3, 31)
    return last - timedelta(days=last.isoweekday() % 7)


def let_the_scheduler_work(app: Flask) -> None:
    """The slot of this very minute comes due, and a worker takes its run."""
    with app.app_context(), as_system(db.session):
        db.session.execute(update(Schedule).values(next_run_at=utcnow().replace(second=0, microsecond=0)))
        db.session.commit()
        assert firing.fire_due() == 1
        run = db.session.scalars(select(Execution.id).where(Execution.trigger == "cron")).one()
        db.session.commit()
    with app.app_context():
        executions.perform(run)


def test_a_schedule_is_typed_seen_saved_and_seen_running(app, page, script):
    page.goto(f"/scripts/{script.id}/triggers")
    page.get_by_role("link", name="New schedule").click()

    words, times = page.locator("#cron-said"), page.locator("#next-times")
    expect(words).to_contain_text("Every day at 09:00")
    cron = page.get_by_label("Cron expression")
    cron.fill("61 * * * *")
    expect(words).to_contain_text("A minute is 0 to 59, not “61”.")
    expect(page.locator(".cron-parts .is-wrong")).to_contain_text("minute")
    spring = clocks_go_forward()
    cron.fill(f"30 2 {spring.day} 3 *")
    expect(words).to_contain_text(f"On {spring.day} March at 02:30")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_label("Start on").fill(f"{spring.year}-01-01")
    expect(times).to_contain_text("The clocks leave out 02:30")
    expect(times).to_contain_text("Time of Berlin")
    page.get_by_label("Start on").fill("")
    page.get_by_role("button", name="Hourly").click()
    expect(words).to_contain_text("Every hour")
    cron.press("Control+a")
    cron.press_sequentially("* * * * *", delay=20)
    expect(words).to_contain_text("Every minute")
    expect(cron).to_be_focused()
    page.get_by_label("Input as JSON").fill('{"day": "today"}')
    page.get_by_role("button", name="Save schedule").click()
    expect(page.locator("#ledger")).to_contain_text("It has not come due yet.")

    let_the_scheduler_work(app)
    expect(page.locator("#ledger")).to_contain_text("Succeeded")
    expect(page.locator("#ledger")).to_contain_text("1 ran")

    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".page-head")).to_contain_text("Paused")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#schedules")).to_contain_text("No schedule yet")


def test_a_refused_form_comes_back_whole_and_typing_goes_on(page, script):
    page.goto(f"/scripts/{script.id}/schedules/new")
    cron = page.get_by_label("Cron expression")
    cron.fill("0 99 * * *")
    page.get_by_label("Let it go").check()
    page.get_by_role("button", name="Save schedule").click()
    expect(page.locator(".notice-error")).to_contain_text("Not saved.")
    expect(page.get_by_label("Let it go")).to_be_checked()
    expect(cron).to_be_focused()
    cron.press("Control+a")
    cron.press_sequentially("0 9 * * *", delay=150)  # slower than the preview, which must not take the text away
    expect(page.locator("#cron-said")).to_contain_text("Every day at 09:00")
    expect(cron).to_have_value("0 9 * * *")
