"""Pages of schedules: who may, what the preview says, and what became of each time."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from blueprints.schedules import PER_PAGE
from models import Execution, Occurrence, Schedule, Script, Tenant, db
from models.base import utcnow
from models.tenancy import as_system, as_tenant
from services import schedules, scripts
from services.schedules import Changes
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
FIELDS = {
    "cron": "30 9 * * 1-5",
    "timezone": "Europe/Berlin",
    "overlap": "skip",
    "misfire": "once",
    "jitter_seconds": "0",
}


@pytest.fixture
def script(app: Flask, alice: Person, acme: Tenant) -> Script:
    with app.app_context(), as_tenant(db.session, acme.id):
        return scripts.create(alice.principal, scripts.Changes(name="Сверка платежей", source="return 1"))


@pytest.fixture
def schedule(app: Flask, alice: Person, acme: Tenant, script: Script) -> Schedule:
    with app.app_context(), as_tenant(db.session, acme.id):
        return schedules.create(alice.principal, script.id, Changes(cron="30 9 * * 1-5", timezone="Europe/Berlin"))


@pytest.fixture
def pages(script: Script, schedule: Schedule) -> list[str]:
    return ["/schedules", f"/scripts/{script.id}/schedules", f"/schedules/{schedule.id}", f"/schedules/{schedule.id}/ledger",
            "/schedules/preview?cron=@daily&timezone=UTC"]  # fmt: skip


@pytest.fixture
def deeds(script: Script, schedule: Schedule) -> list[str]:
    """Everything that changes something."""
    here = f"/schedules/{schedule.id}"
    return [f"/scripts/{script.id}/schedules", here, f"{here}/enabled", f"{here}/run", f"{here}/delete"]


def kept(app: Flask, schedule: Schedule) -> Schedule | None:
    with app.app_context(), as_system(db.session):
        return db.session.get(Schedule, schedule.id)


def only(app: Flask) -> Schedule:
    with app.app_context(), as_system(db.session):
        return db.session.scalars(select(Schedule)).one()


def test_alice_sees_every_page(pages, alice, sign_in):
    browser = sign_in(alice)
    assert {path: browser.get(path).status_code for path in pages} == dict.fromkeys(pages, 200)


def test_bob_looks_and_changes_nothing(app, pages, deeds, script, schedule, bob, sign_in):
    browser = sign_in(bob)
    assert {path: browser.get(path).status_code for path in pages} == dict.fromkeys(pages, 200)
    assert browser.get(f"/scripts/{script.id}/schedules/new").status_code == 403
    for path in deeds:
        browser.get("/profile")
        assert browser.post(path, **FIELDS).status_code == 403, path
    page = browser.get(f"/schedules/{schedule.id}").text
    assert (
        "Save schedule" not in page
        and "Delete" not in page
        and "Run now" not in page
        and 'fieldset class="stack" disabled' in page
    )
    assert "New schedule" not in browser.get(f"/scripts/{script.id}/schedules").text
    assert kept(app, schedule).enabled


def test_charlie_finds_nothing(app, pages, deeds, script, schedule, charlie, sign_in):
    browser = sign_in(charlie)
    for path in pages[1:4]:
        assert browser.get(path).status_code == 404, path
    assert browser.get(f"/scripts/{script.id}/schedules/new").status_code == 404
    assert "Сверка платежей" not in browser.get("/schedules").text
    for path in deeds:
        browser.get("/profile")
        assert browser.post(path, **FIELDS).status_code == 404, path
    assert kept(app, schedule)


def test_a_stranger_is_sent_to_sign_in(pages, stranger):
    for path in pages:
        assert stranger.get(path).headers["Location"].startswith("/sign-in"), path


def test_a_schedule_is_made_changed_paused_and_deleted(app, script, alice, sign_in):
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/schedules/new")
    answer = browser.post(f"/scripts/{script.id}/schedules", **FIELDS, input_json='{"a": 1}', ends_on="2999-06-30")
    assert answer.status_code == 303
    made = only(app)
    assert (made.cron, made.timezone, made.input) == ("30 9 * * 1-5", "Europe/Berlin", {"a": 1})
    assert made.ends_at.isoformat() == "2999-06-30T22:00:00+00:00"  # the end of that day in Berlin

    here = answer.headers["Location"]
    page = browser.get(here).text
    assert "Every weekday at 09:30" in page and 'value="2999-06-30"' in page
    browser.get(here)
    answer = browser.post(here, **{**FIELDS, "cron": "@daily", "overlap": "queue"}, ends_on="2999-06-30")
    assert answer.status_code == 303
    assert (only(app).cron, only(app).overlap, only(app).ends_at) == ("@daily", "queue", made.ends_at)

    browser.get(here)
    browser.post(f"{here}/enabled", enabled="0")
    assert not only(app).enabled and "Paused" in browser.get(here).text
    browser.get(here)
    browser.post(f"{here}/enabled", enabled="1")
    assert only(app).enabled

    browser.get(here)
    answer = browser.post(f"{here}/delete")
    assert answer.headers["Location"] == f"/scripts/{script.id}/schedules"
    assert kept(app, made) is None


def test_an_hour_that_a_program_set_is_kept_by_a_form_that_shows_only_the_day(app, schedule, alice, acme, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        schedules.update(alice.principal, schedule.id, Changes(ends_at="2999-06-30T10:15:00+02:00"))
    browser = sign_in(alice)
    browser.get(f"/schedules/{schedule.id}")
    browser.post(f"/schedules/{schedule.id}", **FIELDS, ends_on="2999-06-30")
    assert kept(app, schedule).ends_at.isoformat() == "2999-06-30T08:15:00+00:00"


def test_the_next_times_begin_at_the_hour_that_a_program_set(app, schedule, alice, acme, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        schedules.update(
            alice.principal, schedule.id, Changes(cron="30 9 * * *", starts_at="2999-06-28T12:00:00+02:00")
        )
    browser = sign_in(alice)
    typed = preview(browser, "30 9 * * *", "Europe/Berlin", starts_on="2999-06-28", schedule=str(schedule.id))
    for said in (browser.get(f"/schedules/{schedule.id}").text, typed):
        assert "28 Jun 2999" not in said and "29 Jun 2999" in said
    moved = preview(browser, "30 9 * * *", "Europe/Berlin", starts_on="2999-06-27", schedule=str(schedule.id))
    assert "27 Jun 2999" in moved


def test_a_wrong_expression_counts_beside_other_wrong_fields(script, alice, sign_in):
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/schedules/new")
    answer = browser.post(
        f"/scripts/{script.id}/schedules", **{**FIELDS, "cron": "61 9 * * *", "jitter_seconds": "4000"}
    )
    assert "2 fields need another look" in answer.text
    assert answer.text.count("A minute is 0 to 59, not “61”.") == 1


def test_a_schedule_that_was_over_long_ago_does_not_wait_for_its_first_time(app, acme, schedule, alice, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        schedules.update(
            alice.principal, schedule.id, Changes(starts_at="2020-01-01T00:00:00Z", ends_at="2020-02-01T00:00:00Z")
        )
    browser = sign_in(alice)
    page = browser.get(f"/schedules/{schedule.id}").text
    assert "Nothing is left of its times" in page and "has not come due yet" not in page
    browser.post(f"/schedules/{schedule.id}/enabled", enabled="1")
    assert "its last day is over" in browser.get(f"/schedules/{schedule.id}").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cron": "61 9 * * *"}, "A minute is 0 to 59, not “61”."),
        ({"cron": ""}, "This field is required."),
        ({"timezone": "Mars/Base"}, "Not a valid choice"),
        ({"overlap": "maybe"}, "Not a valid choice"),
        ({"jitter_seconds": "4000"}, "Number must be between"),
        ({"starts_on": "2999-02-01", "ends_on": "2999-01-01"}, "The end must come after the start."),
        ({"input_json": "{"}, "JSON"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(app, script, alice, sign_in, fields, said):
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/schedules/new")
    answer = browser.post(f"/scripts/{script.id}/schedules", **{**FIELDS, "input_json": "[7]", **fields})

    assert answer.status_code == 422
    assert said in answer.text
    assert fields.get("cron", "30 9 * * 1-5") in answer.text and fields.get("input_json", "[7]") in answer.text
    with app.app_context(), as_system(db.session):
        assert db.session.scalar(select(func.count(Schedule.id))) == 0


def preview(browser: Browser, cron: str, zone: str, **more: str) -> str:
    return browser.client.get("/schedules/preview", query_string={"cron": cron, "timezone": zone, **more}).text


def test_the_preview_speaks_the_readers_language(alice, sign_in):
    browser = sign_in(alice)
    said = {}
    for language in ("en", "ru", "uz"):
        browser.get("/profile")
        browser.post("/preferences/language", language=language)
        said[language] = preview(browser, "30 9 * * 1-5", "Europe/Berlin")
    assert "Every weekday at 09:30" in said["en"]
    assert "По будням в 09:30" in said["ru"]
    assert "Ish kunlari soat 09:30 da" in said["uz"]


def test_the_preview_shows_ten_times_here_and_there(alice, sign_in):
    said = preview(sign_in(alice), "30 9 * * *", "Europe/Berlin")
    assert said.count("<time") == 10
    assert "09:30</time>" in said and (" here" in said) and "Time of Berlin" in said and "“Here” is Tashkent" in said
    same = preview(sign_in(alice), "30 9 * * *", "Asia/Tashkent")
    assert " here<" not in same and "“Here”" not in same


def test_the_preview_marks_gaps_repeats_and_clock_changes(alice, sign_in):
    browser = sign_in(alice)
    gap = preview(browser, "30 2 * 3 *", "Europe/Berlin", starts_on="2027-03-25")
    assert (
        "The clocks leave out 02:30" in gap
        and "Clocks change, Sun 28 Mar" in gap
        and "Berlin moves 02:00 to 03:00" in gap
    )
    twice = preview(browser, "30 2 * 10 *", "Europe/Berlin", starts_on="2027-10-28")
    assert "The clocks show 02:30 twice; it runs the first time." in twice
    again = preview(browser, "30 * 31 10 *", "Europe/Berlin", starts_on="2027-10-31")
    assert "for the second time" in again


def test_the_preview_tells_of_the_clock_change_ahead_that_matters(alice, sign_in):
    browser = sign_in(alice)
    said = preview(browser, "30 2 * * *", "Europe/Berlin", starts_on="2026-12-01")
    assert "On 28 March 2027 clocks go forward: 02:30 does not exist that day, it runs at 03:00." in said
    said = preview(browser, "0,30 1 * * *", "America/New_York", starts_on="2027-05-01")
    assert "On 7 November 2027 clocks go back: 01:00–01:30 come twice that day, it runs the first time only." in said
    said = preview(browser, "0 * * * *", "Australia/Lord_Howe", starts_on="2027-01-01")
    assert "On 4 April 2027 clocks go back: its runs at 01:00 and 02:00 are 90 min apart." in said
    said = preview(browser, "every 45 minutes", "Europe/Berlin", starts_on="2026-12-01")
    assert "clocks go forward: from then on it runs at 03:15 instead of 02:15." in said
    for cron, zone, until in (
        ("30 2 * * *", "Asia/Tashkent", ""),
        ("30 9 * * *", "Europe/Berlin", ""),
        ("30 2 * * *", "Europe/Berlin", "2027-03-27"),
    ):
        assert "clocks go" not in preview(browser, cron, zone, starts_on="2026-12-01", ends_on=until), (cron, zone)
    for language, words in (("ru", "28 марта 2027 г. часы переводят вперёд: времени 02:30"), ("uz", "28-mart, 2027")):
        browser.get("/profile")
        browser.post("/preferences/language", language=language)
        assert words in preview(browser, "30 2 * * *", "Europe/Berlin", starts_on="2026-12-01"), language


@pytest.mark.parametrize(
    ("cron", "wrong"), [("61 9 * * *", "minute"), ("0 25 * * *", "hour"), ("0 0 * * MOO", "weekday")]
)
def test_the_preview_points_at_the_wrong_field(alice, sign_in, cron, wrong):
    said = preview(sign_in(alice), cron, "UTC")
    marked = said.split('class="is-wrong"')
    assert len(marked) == 2
    assert wrong in marked[1].split("</li>")[0]
    assert "<time" not in said


@pytest.mark.parametrize(
    "query", ["", "?cron=%3Cscript%3Ealert(1)%3C/script%3E&timezone=UTC", "?cron=@daily&timezone=../../etc/passwd",
              "?cron=@daily", "?cron=" + "9" * 5000, "?cron=@daily&timezone=UTC&starts_on=9999-12-31&ends_on=9999-12-31",
              "?cron=@daily&timezone=Asia/Tashkent&starts_on=0001-01-01&ends_on=0001-01-01",
              "?cron=every 45 minutes&timezone=Pacific/Kiritimati&starts_on=9999-06-01",
              "?cron=@daily&timezone=Pacific/Kiritimati&starts_on=9998-12-20",
              "?cron=@daily&timezone=UTC&starts_on=x", "?cron=@daily&timezone=UTC&schedule=x"],
)  # fmt: skip
def test_the_preview_survives_whatever_is_typed(alice, sign_in, query):
    answer = sign_in(alice).get(f"/schedules/preview{query}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_a_rhythm_under_a_minute_is_said_to_be_slower(alice, sign_in):
    assert "every 20\u00a0s, effective every 60\u00a0s" in preview(sign_in(alice), "every 20 seconds", "UTC")


def test_the_ledger_says_what_became_of_each_time(app, acme, script, schedule, alice, sign_in):
    now = utcnow()
    with app.app_context(), as_tenant(db.session, acme.id):
        failed = Execution(
            script_id=script.id,
            version_number=1,
            status="failed",
            trigger="cron",
            error_code="RUNTIME_ERROR",
            run_ms=12,
        )
        db.session.add(failed)
        db.session.flush()
        db.session.add(
            Occurrence(schedule_id=schedule.id, due_at=now - timedelta(days=1), outcome="ran", execution_id=failed.id)
        )
        for days, reason in enumerate(("overlap", "misfire", "paused", "disabled", "quota", "down", "clock_change"), 2):
            db.session.add(
                Occurrence(schedule_id=schedule.id, due_at=now - timedelta(days=days), outcome="skipped", reason=reason)
            )
        db.session.commit()
    page = sign_in(alice).get(f"/schedules/{schedule.id}").text
    for words in ("RUNTIME_ERROR", "last run still going", "missed, and let go", "the schedule was paused",
                  "a limit of the business was reached", "a later run stands for it", "the clocks showed this time twice"):  # fmt: skip
        assert words in page
    assert "0 ran, 7 skipped, 1 failed" in page


def test_the_ledger_is_read_page_by_page_to_its_end_and_back(app, acme, script, schedule, alice, sign_in):
    due = utcnow().replace(hour=12, minute=0, second=0, microsecond=0)
    days = [f"{due - timedelta(days=day):%Y-%m-%d}" for day in range(1, 26)]
    with app.app_context(), as_tenant(db.session, acme.id):
        run = Execution(script_id=script.id, version_number=1, status="failed", trigger="cron", error_code="TIMEOUT")
        db.session.add(run)
        db.session.flush()
        for day in range(1, 26):
            how = (
                {"outcome": "skipped", "reason": "overlap"} if day < 25 else {"outcome": "ran", "execution_id": run.id}
            )
            db.session.add(Occurrence(schedule_id=schedule.id, due_at=due - timedelta(days=day), **how))
        db.session.commit()
    browser, here = sign_in(alice), f"/schedules/{schedule.id}"

    pages = [browser.get(here).text]
    while older := leads(pages[-1], "next"):
        assert older.startswith(f"{here}?cursor=") and older.endswith("#ledger")
        pages.append(browser.get(older).text)
        part = browser.get(older, headers={"HX-Request": "true"}).text
        assert f'hx-get="{older.removesuffix("#ledger")}" hx-target="#ledger"' in pages[-2].replace("&amp;", "&")
        assert part.startswith('<section class="card" id="ledger"') and told(part) == told(pages[-1])
        poll = re.search(r'hx-get="([^"]+)" hx-trigger="every', part)[1]
        assert told(browser.get(poll).text) == told(part), "what is looked at stays when it is asked for anew"
    assert [day for page in pages for day in told(page)] == days
    assert "TIMEOUT" in pages[2] and "TIMEOUT" not in pages[1] and "24 skipped" in pages[2]
    back = browser.get(leads(pages[2], "prev")).text
    assert told(back) == told(pages[1])
    first = browser.get(leads(back, "prev")).text
    assert told(first) == told(pages[0]) and leads(first, "prev") is None


def told(page: str) -> list[str]:
    """The days of the list below the strip."""
    return re.findall(
        r'datetime="(\d{4}-\d\d-\d\d)', page.partition('<ol class="list list-ruled ledger">')[2].partition("</ol>")[0]
    )


def leads(page: str, way: str) -> str | None:
    found = re.search(rf'href="([^"]+)" rel="{way}"', page)
    return found[1].replace("&amp;", "&") if found else None


def test_a_page_of_the_ledger_that_is_none_is_refused_and_a_strangers_opens_nothing(
    app, schedule, alice, charlie, sign_in
):
    here = f"/schedules/{schedule.id}"
    assert [sign_in(alice).get(f"{page}?cursor=nonsense").status_code for page in (here, f"{here}/ledger")] == [
        422,
        422,
    ]
    assert sign_in(charlie).get(f"{here}?cursor=", headers={"HX-Request": "true"}).status_code == 404


def test_what_was_due_when_it_was_paused_is_in_strip_and_ledger(app, acme, schedule, alice, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        schedules.update(alice.principal, schedule.id, Changes(cron="* * * * *"))
        db.session.get_one(Schedule, schedule.id).next_run_at = utcnow().replace(second=0, microsecond=0)
        db.session.commit()
    browser, here = sign_in(alice), f"/schedules/{schedule.id}"
    browser.post(f"{here}/enabled", {"enabled": "0"})

    page = browser.get(here).text
    assert "0 ran, 1 skipped, 0 failed" in page and len(told(page)) == 1
    assert page.count("the schedule was paused") == 2


def test_the_ledger_counts_no_run_that_still_waits(app, acme, schedule, alice, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        db.session.add(Occurrence(schedule_id=schedule.id, due_at=utcnow() - timedelta(minutes=1), outcome="ran"))
        db.session.commit()
    assert "0 ran, 0 skipped, 0 failed" in sign_in(alice).get(f"/schedules/{schedule.id}").text


def test_a_schedule_whose_runs_overlap_is_said_to_be_slower_than_it_was_set(
    app, acme, script, schedule, alice, sign_in
):
    with app.app_context(), as_tenant(db.session, acme.id):
        run = Execution(script_id=script.id, version_number=1, status="succeeded", trigger="cron")
        db.session.add(run)
        db.session.flush()
        for hours in range(3):
            due, skipped = utcnow() - timedelta(hours=hours), {"outcome": "skipped", "reason": "overlap"}
            how = skipped if hours else {"outcome": "ran", "execution_id": run.id}
            db.session.add(Occurrence(schedule_id=schedule.id, due_at=due, **how))
        schedules.update(alice.principal, schedule.id, Changes(cron="0 * * * *"))
        db.session.execute(update(Schedule).values(updated_at=utcnow() - timedelta(days=1)))
        db.session.commit()
    page = sign_in(alice).get(f"/schedules/{schedule.id}").text
    assert "every 1\u00a0h, effective every 3\u00a0h: the last run is often still going" in page


def test_run_now_queues_a_run_or_says_why_not(app, schedule, alice, sign_in):
    browser = sign_in(alice)
    here = f"/schedules/{schedule.id}"
    browser.get(here)
    assert browser.post(f"{here}/run").headers["Location"] == here
    assert "The run is queued." in browser.get(here).text
    assert browser.post(f"{here}/run").status_code == 409
    with app.app_context(), as_system(db.session):
        assert db.session.scalars(select(Execution.trigger_id)).all() == [schedule.id]


def test_the_list_of_a_script_is_a_fragment_for_its_page_and_a_page_by_itself(script, schedule, alice, sign_in):
    browser = sign_in(alice)
    path = f"/scripts/{script.id}/schedules"
    fragment = browser.get(path, headers={"HX-Request": "true"}).text
    assert fragment.lstrip().startswith("<section") and "Every weekday at 09:30" in fragment
    assert "<!doctype html>" in browser.get(path).text


def test_a_next_time_is_said_to_be_the_readers_where_the_schedule_keeps_to_other_clocks(
    app, acme, script, schedule, alice, sign_in
):
    browser, lists = sign_in(alice), ("/schedules", f"/scripts/{script.id}/schedules")
    assert [browser.get(path).text.count("</time> here</span>") for path in lists] == [1, 1]
    with app.app_context(), as_tenant(db.session, acme.id):
        schedules.update(alice.principal, schedule.id, Changes(timezone="Asia/Tashkent"))
    assert [browser.get(path).text.count("</time></span>") for path in lists] == [1, 1]


def test_the_last_page_of_all_schedules_leads_back(app, acme, script, alice, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        for minute in range(PER_PAGE + 1):
            schedules.create(alice.principal, script.id, Changes(cron=f"{minute} 1 * * *"))
    browser = sign_in(alice)
    first = browser.get("/schedules").text
    [older] = re.findall(r'href="(/schedules\?cursor=[^"]+)"', first)
    last = browser.get(older).text
    assert "at 01:00" in last and "at 01:00" not in first
    [newer] = re.findall(r'href="(/schedules\?cursor=[^"]+)" rel="prev"', last)
    back = browser.get(newer).text
    assert "at 01:00" not in back and 'rel="prev"' not in back


def test_a_script_with_parameters_asks_for_them(app, acme, alice, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        script = scripts.create(alice.principal, scripts.Changes(
            name="With parameters", source="return 1", parameters=[{"name": "region", "type": "string", "required": True}],
        ))  # fmt: skip
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/schedules/new")
    refused = browser.post(f"/scripts/{script.id}/schedules", **FIELDS, input_mode="form", **{"input.region": ""})
    assert refused.status_code == 422 and "This field is required." in refused.text
    assert "Not saved." in refused.text and "1 field needs another look." in refused.text
    browser.get(f"/scripts/{script.id}/schedules/new")
    browser.post(f"/scripts/{script.id}/schedules", **FIELDS, input_mode="form", **{"input.region": "Samarqand"})
    assert only(app).input == {"region": "Samarqand"}


def test_zones_say_how_far_they_are_from_utc_wherever_one_is_chosen(script, alice, sign_in) -> None:
    browser = sign_in(alice)
    for path, kept in ((f"/scripts/{script.id}/schedules/new", True), ("/settings", True), ("/profile", False)):
        page = browser.get(path).text
        chosen = " selected" if kept else ""
        assert f'<option value="Asia/Tashkent"{chosen}>Asia/Tashkent (UTC+5)</option>' in page, path
        assert page.count('data-narrows="timezone"') == 1, path
