"""The page of a script: who may see and change it, what saving refuses, and what is never lost."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from blueprints.versions import STRETCH
from models import AuditEntry, Execution, Schedule, Script, Tenant, db
from models.tenancy import as_system, as_tenant
from services import process, scripts
from services.scripts import Changes
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
SOURCE = "return context.input;\n"


@pytest.fixture(autouse=True)
def _engines(app: Flask) -> Iterator[None]:
    yield
    process.close(app)


@pytest.fixture
def script(app: Flask, alice: Person, acme: Tenant) -> Script:
    with app.app_context(), as_tenant(db.session, acme.id):
        made = scripts.create(alice.principal, Changes(
            name="Greet", source=SOURCE, tags=["hello"], parameters=[{"name": "limit", "type": "integer"}],
        ))  # fmt: skip
        return scripts.save(alice.principal, made.id, Changes(source="return 2;\n"), note="two")


@pytest.fixture
def now(app: Flask, acme: Tenant, script: Script) -> Callable[[], Script]:
    """The script as it stands in the database."""

    def read(script_id: UUID | None = None) -> Script:
        with app.app_context(), as_tenant(db.session, acme.id):
            found = db.session.get_one(Script, script_id or script.id)
            assert found.source is not None
            return found

    return read


def reading(script: Script) -> list[str]:
    at = f"/scripts/{script.id}"
    return [at, f"{at}/head", f"{at}/numbers", f"{at}/parameters", f"{at}/limits", f"{at}/settings", f"{at}/triggers",
            f"{at}/versions", f"{at}/versions/latest", f"{at}/versions/1", f"{at}/compare", f"{at}/compare?from=1&to=2"]  # fmt: skip


def writing(script: Script) -> list[str]:
    at = f"/scripts/{script.id}"
    return [at, f"{at}/enabled", f"{at}/duplicate", f"{at}/delete", f"{at}/input", f"{at}/parameters", f"{at}/limits",
            f"{at}/settings", f"{at}/retention", f"{at}/versions/1/restore", f"{at}/versions/1/milestone"]  # fmt: skip


def test_alice_sees_every_page_of_a_script(alice: Person, script: Script, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    at = f"/scripts/{script.id}"
    pages = [
        *reading(script),
        "/scripts/new",
        f"{at}/delete",
        f"{at}/versions/1/restore",
        f"{at}/input",
        f"{at}/inputs",
    ]

    assert {page: browser.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_bob_reads_all_and_is_offered_nothing_to_change(bob: Person, script: Script, sign_in: SignIn) -> None:
    browser = sign_in(bob)
    at = f"/scripts/{script.id}"

    assert {page: browser.get(page).status_code for page in reading(script)} == dict.fromkeys(reading(script), 200)
    page = browser.get(at).text
    assert "return 2;" in page
    assert "read only" in page
    for closed in ('name="base_version"', 'id="run-form"', "Delete…", "Duplicate"):
        assert closed not in page
    closed_pages = ["/scripts/new", f"{at}/delete", f"{at}/versions/1/restore", f"{at}/input", f"{at}/inputs"]
    assert {page: browser.get(page).status_code for page in closed_pages} == dict.fromkeys(closed_pages, 403)


def test_bob_changes_nothing(bob: Person, script: Script, sign_in: SignIn, now: Callable[[], Script]) -> None:
    browser = sign_in(bob)
    for path in [*writing(script), "/scripts/new"]:
        browser.get("/profile")
        assert browser.post(path, source="return 'bob';", name="Bob's").status_code == 403, path
    assert (now().source, now().version, now().name) == ("return 2;\n", 2, "Greet")


def test_charlie_finds_no_script_of_acme(charlie: Person, script: Script, sign_in: SignIn) -> None:
    browser = sign_in(charlie)

    assert {page: browser.get(page).status_code for page in reading(script)} == dict.fromkeys(reading(script), 404)
    for path in writing(script):
        browser.get("/profile")
        assert browser.post(path, source="x").status_code == 404, path


def test_a_stranger_signs_in_first(stranger: Browser, script: Script) -> None:
    for path in reading(script):
        assert stranger.get(path).headers["Location"].startswith("/sign-in"), path


def test_nobody_finds_a_script_that_never_was(alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)

    assert browser.get(f"/scripts/{uuid4()}").status_code == 404
    assert browser.get("/scripts/not-an-id").status_code == 404


def test_creating_opens_the_new_script(
    alice: Person, sign_in: SignIn, script: Script, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get("/scripts/new")
    answer = browser.post(
        "/scripts/new", name="  Count   orders ", description="Every morning", source="return 1;\r\nreturn 2;"
    )

    assert answer.status_code == 303
    made = now(UUID(answer.headers["Location"].rsplit("/", 1)[1]))
    assert (made.name, made.description, made.source) == ("Count orders", "Every morning", "return 1;\nreturn 2;")
    assert made.enabled


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [("", "", "This field is required."), ("Gr", "", "between 3 and 100"), ("greet", "", "There is already a script"),
     ("Fine", "x" * (256 * 1024 + 1), "at most"), ("a\nb\nc", "", "Line breaks")],
)  # fmt: skip
def test_what_cannot_be_created_comes_back_as_it_was_typed(
    alice: Person, script: Script, sign_in: SignIn, name: str, source: str, said: str
) -> None:
    browser = sign_in(alice)
    browser.get("/scripts/new")
    answer = browser.post("/scripts/new", name=name, source=source or "return 'typed';", description="kept")

    assert answer.status_code == 422
    assert said.lower() in answer.text.lower()
    assert 'value="kept"' in answer.text
    assert ("return &#39;typed&#39;;" if not source else "xxxx") in answer.text


def test_a_new_script_with_a_syntax_error_is_kept_disabled(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get("/scripts/new")
    answer = browser.post("/scripts/new", name="Half done", source="return (")
    made = now(UUID(answer.headers["Location"].rsplit("/", 1)[1]))

    assert (made.enabled, made.has_syntax_error) == (False, True)
    assert "Syntax error" in browser.get(f"/scripts/{made.id}").text


def save(browser: Browser, script: Script, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    browser.get(f"/scripts/{script.id}")
    return browser.post(f"/scripts/{script.id}", headers=headers, **fields)


def test_saving_makes_a_version_with_a_note(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    answer = save(browser, script, source="return 3;\r\n", base_version="2", note="  three,\n at last ")

    assert answer.status_code == 303
    assert (now().source, now().version) == ("return 3;\n", 3)
    assert "three, at last" in browser.get(f"/scripts/{script.id}/versions").text


def test_saving_from_the_page_answers_with_a_fragment_and_news(alice: Person, script: Script, sign_in: SignIn) -> None:
    answer = save(sign_in(alice), script, HTMX, source="return 3;", base_version="2")

    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div class="save"')
    assert 'name="base_version" value="3"' in answer.text
    news = json.loads(answer.headers["HX-Trigger"])
    assert news["scriptSaved"] == {"version": 3}
    assert news["toasts"]["items"][0]["text"] == "Version 3 is saved."


def test_saving_nothing_new_makes_no_version(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    answer = save(sign_in(alice), script, HTMX, source="return 2;\n", base_version="2")

    assert (answer.status_code, now().version) == (200, 2)
    assert "Nothing has changed." in json.loads(answer.headers["HX-Trigger"])["toasts"]["items"][0]["text"]


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("base", ["1", "0", "-1", "", "3", "99999999999999999999999", "two"])
def test_a_stale_save_shows_both_and_stores_nothing(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script], headers: dict[str, str], base: str
) -> None:
    answer = save(sign_in(alice), script, headers, source="return 'mine';", base_version=base)

    assert answer.status_code == 409
    assert now().source == "return 2;\n"
    for shown in (
        "mine",
        "Theirs, version 2",
        "return 2;",
        "Somebody saved version 2 meanwhile.",
        'name="over" value="2"',
    ):
        assert shown in answer.text, shown


def test_an_older_version_is_opened_in_the_editor_and_saved_as_the_newest(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    page = browser.get(f"/scripts/{script.id}?version=1").text

    assert f"data-editor-field>\n{SOURCE}</textarea>" in page and 'data-saved="return 2;' in page
    assert "In the editor: version 1" in page and 'name="base_version" value="2"' in page
    assert save(browser, script, source="return 'mended';", base_version="2").status_code == 303
    assert (now().version, now().source) == (3, "return 'mended';")


def test_who_only_reads_sees_the_older_version_too(bob: Person, script: Script, sign_in: SignIn) -> None:
    page = sign_in(bob).get(f"/scripts/{script.id}?version=1").text

    assert f"{SOURCE}</textarea>" in page and "version 1" in page


@pytest.mark.parametrize(
    "asked",
    [
        "version=9",
        "version=0",
        "version=-1",
        "version=99999999999999999999",
        "run=01a1ff0c-0000-7000-8000-000000000000",
    ],
)
def test_what_cannot_be_opened_in_the_editor_is_not_found(
    alice: Person, script: Script, sign_in: SignIn, asked: str
) -> None:
    assert sign_in(alice).get(f"/scripts/{script.id}?{asked}").status_code == 404


def test_mine_is_saved_over_theirs_once_seen(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    answer = save(sign_in(alice), script, source="return 'mine';", base_version="1", over="2")

    assert (answer.status_code, now().source, now().version) == (303, "return 'mine';", 3)


def test_over_counts_only_for_the_version_that_was_seen(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    save(browser, script, source="return 'third';", base_version="2")

    assert save(browser, script, source="return 'mine';", base_version="1", over="2").status_code == 409
    assert now().source == "return 'third';"


def test_two_savers_at_once_are_one_after_the_other(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browsers = [sign_in(alice) for _ in range(2)]
    for browser in browsers:
        browser.get(f"/scripts/{script.id}")
    answers: dict[int, int] = {}

    def press(number: int) -> None:
        answer = browsers[number].post(f"/scripts/{script.id}", source=f"return 'saver {number}';", base_version="2")
        answers[number] = answer.status_code

    threads = [threading.Thread(target=press, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers.values()) == [303, 409]
    winner = next(number for number, status in answers.items() if status == 303)
    assert (now().source, now().version) == (f"return 'saver {winner}';", 3)


def test_a_syntax_error_disables_only_who_agrees(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    refused = save(browser, script, HTMX, source="return (;", base_version="2")

    assert (refused.status_code, now().enabled, now().version) == (409, True, 2)
    assert 'name="may_disable"' in refused.text
    assert save(browser, script, source="return (;", base_version="2", may_disable="1").status_code == 303
    assert (now().enabled, now().has_syntax_error) == (False, True)


@pytest.mark.parametrize(
    ("source", "said"), [("x" * (256 * 1024 + 1), "At most 262144 characters."), ("ы" * 200_000, "has 400000 bytes")]
)
def test_what_cannot_be_stored_is_said_where_it_was_written(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script], source: str, said: str
) -> None:
    answer = save(sign_in(alice), script, HTMX, source=source, base_version="2")

    assert answer.status_code == 422
    assert said in answer.text
    assert now().version == 2


def test_a_save_without_code_or_too_large_is_refused(alice: Person, script: Script, sign_in: SignIn) -> None:
    browser = sign_in(alice)

    assert save(browser, script, base_version="2").status_code == 400
    assert save(browser, script, source="x" * (3 * 1024 * 1024), base_version="2").status_code == 413


def test_switching_off_and_on(alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}")
    assert browser.post(f"/scripts/{script.id}/enabled", enabled="0").status_code == 303
    assert now().enabled is False
    browser.get(f"/scripts/{script.id}")
    answer = browser.post(f"/scripts/{script.id}/enabled", HTMX, enabled="1")
    assert now().enabled is True
    assert answer.text.lstrip().startswith('<div id="script-head"')


def test_a_broken_script_is_not_switched_on(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    save(browser, script, source="return (;", base_version="2", may_disable="1")
    browser.get(f"/scripts/{script.id}")
    browser.post(f"/scripts/{script.id}/enabled", enabled="1")

    assert now().enabled is False
    assert "cannot be enabled" in browser.get(f"/scripts/{script.id}").text


def test_a_copy_is_disabled_and_finds_a_free_name(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    made = []
    for _ in range(2):
        browser.get(f"/scripts/{script.id}")
        answer = browser.post(f"/scripts/{script.id}/duplicate")
        made.append(now(UUID(answer.headers["Location"].rsplit("/", 1)[1])))

    assert [copy.name for copy in made] == ["Greet (copy)", "Greet (copy) 2"]
    assert {(copy.enabled, copy.source, tuple(copy.tags)) for copy in made} == {(False, "return 2;\n", ("hello",))}


def test_deleting_says_what_goes_and_keeps_the_history(
    alice: Person, bob: Person, script: Script, sign_in: SignIn, app: Flask, acme: Tenant
) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        db.session.add(Schedule(script_id=script.id, cron="0 9 * * *", timezone="UTC"))
        db.session.commit()
    browser = sign_in(alice)
    assert "1 schedule goes." in browser.get(f"/scripts/{script.id}/delete").text
    assert browser.post(f"/scripts/{script.id}/delete").status_code == 303

    page = browser.get(f"/scripts/{script.id}")
    assert page.status_code == 200
    assert "This script was deleted" in page.text
    assert 'name="base_version"' not in page.text
    reader = sign_in(bob)
    for path in (f"/scripts/{script.id}/versions", f"/scripts/{script.id}/versions/1", f"/scripts/{script.id}/compare"):
        assert reader.get(path).status_code == 200, path
    for path in writing(script):
        browser.get("/profile")
        assert browser.post(path, source="x").status_code == 404, path
    with app.app_context(), as_system(db.session):
        assert db.session.scalar(select(Schedule).where(Schedule.script_id == script.id)) is None
        assert "script.deleted" in set(db.session.scalars(select(AuditEntry.action)))


def test_a_deleted_scripts_name_is_free_again(alice: Person, script: Script, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/delete")
    browser.post(f"/scripts/{script.id}/delete")
    browser.get("/scripts/new")

    assert browser.post("/scripts/new", name="Greet", source="return 1;").status_code == 303


# --- what is set beside the code


def test_parameters_are_saved_and_make_a_version(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/parameters")
    fields = {"parameters-0-name": "region", "parameters-0-type": "enum", "parameters-0-options": "Tashkent\nSamarkand",
              "parameters-0-required": "1", "base_version": "2", "note": "by region"}  # fmt: skip
    assert browser.post(f"/scripts/{script.id}/parameters", **fields).status_code == 303
    assert [each["name"] for each in now().parameters] == ["region"]
    assert now().version == 3


def test_wrong_parameters_come_back_with_the_field_named(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/parameters")
    fields = {"parameters-0-name": "1st", "parameters-0-type": "string", "base_version": "2"}
    answer = browser.post(f"/scripts/{script.id}/parameters", **fields)

    assert answer.status_code == 422
    assert 'value="1st"' in answer.text
    assert "no digit first" in answer.text
    assert now().version == 2


def test_limits_are_typed_in_the_units_of_people(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/limits")
    answer = browser.post(
        f"/scripts/{script.id}/limits", base_version="2", timeout_ms="1.5", max_output_bytes="2048", retries="0"
    )

    assert answer.status_code == 303
    assert now().limits == {"timeout_ms": 1500, "max_output_bytes": 2 * 1024 * 1024, "retries": 0}
    assert 'value="1.5"' in browser.get(f"/scripts/{script.id}/limits").text


@pytest.mark.parametrize("typed", ["0", "301", "soon", "-5", "1e400", "NaN"])
def test_a_limit_out_of_bounds_says_its_bounds(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script], typed: str
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/limits")
    answer = browser.post(f"/scripts/{script.id}/limits", base_version="2", timeout_ms=typed)

    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert now().version == 2


def test_limits_of_somebody_else_are_not_overwritten_unseen(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/limits")
    browser.post(f"/scripts/{script.id}/limits", base_version="2", timeout_ms="5")
    browser.get(f"/scripts/{script.id}/limits")
    answer = browser.post(f"/scripts/{script.id}/limits", base_version="2", timeout_ms="7")

    assert answer.status_code == 409
    assert now().limits == {"timeout_ms": 5000}
    assert 'value="7"' in answer.text
    assert 'name="over" value="3"' in answer.text


def test_code_and_limits_of_two_people_are_both_kept(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/limits")
    browser.post(f"/scripts/{script.id}/limits", base_version="2", timeout_ms="5")

    assert save(browser, script, source="return 'code';", base_version="2").status_code == 303
    assert (now().source, now().limits, now().version) == ("return 'code';", {"timeout_ms": 5000}, 4)


def test_details_are_changed_without_a_version(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/settings")
    answer = browser.post(f"/scripts/{script.id}/settings", name="Greet all", description="To\r\nall", tags="One, two,, one",
                          metadata='{"owner": "shop"}')  # fmt: skip

    assert answer.status_code == 303
    assert (now().name, now().description, now().tags, now().extra, now().version) == (
        "Greet all", "To\nall", ["one", "two"], {"owner": "shop"}, 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"tags": "x" * 41},
        {"metadata": "{"},
        {"metadata": "[1]"},
        {"metadata": '{"a": NaN}'},
        {"metadata": json.dumps({"a": "x" * 20_000})},
        {"tags": ",".join(f"t{n}" for n in range(30))},
    ],
)
def test_wrong_details_come_back(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script], wrong: dict[str, str]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/settings")
    fields = {"name": "Greet", "description": "", "tags": "", "metadata": "", **wrong}
    answer = browser.post(f"/scripts/{script.id}/settings", **fields)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert now().tags == ["hello"]


def test_retention_is_checked_and_kept(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/settings")
    assert browser.post(f"/scripts/{script.id}/retention", max_versions="0", retention_days="x").status_code == 422
    browser.get(f"/scripts/{script.id}/settings")
    assert browser.post(f"/scripts/{script.id}/retention", max_versions="10", retention_days="30").status_code == 303
    assert now().retention == {"max_versions": 10, "retention_days": 30, "keep_milestones": False}


# --- what Execute is given


def test_the_sample_fills_the_form(alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}")
    answer = browser.post(f"/scripts/{script.id}/input", HTMX, **{"input.limit": "7", "input_mode": "form"})

    assert answer.status_code == 200
    assert now().sample_input == {"limit": 7}
    assert 'value="7"' in browser.get(f"/scripts/{script.id}").text
    assert now().version == 2


def test_a_sample_that_does_not_fit_is_refused_at_its_field(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}")
    answer = browser.post(f"/scripts/{script.id}/input", HTMX, **{"input.limit": "seven", "input_mode": "form"})

    assert answer.status_code == 422
    assert 'value="seven"' in answer.text
    assert now().sample_input is None


def test_inputs_of_earlier_runs_are_offered_once_each(
    alice: Person, charlie: Person, script: Script, sign_in: SignIn, app: Flask, acme: Tenant
) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        for limit in (1, 2, 2):
            db.session.add(Execution(script_id=script.id, version_number=2, trigger="manual", input={"limit": limit},
                                     status="succeeded"))  # fmt: skip
        db.session.commit()
        run = db.session.scalars(select(Execution).where(Execution.script_id == script.id)).first()
        assert run is not None
    browser = sign_in(alice)
    listed = browser.get(f"/scripts/{script.id}/inputs").text

    assert listed.count("<a ") == 2
    assert 'value="' in browser.get(f"/scripts/{script.id}/input?of={run.id}").text
    assert browser.get(f"/scripts/{script.id}/input?of={uuid4()}").status_code == 404


# --- versions


def test_a_version_is_restored_as_a_new_one(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    preview = browser.get(f"/scripts/{script.id}/versions/1/restore").text
    assert "Restore as v3" in preview
    answer = browser.post(f"/scripts/{script.id}/versions/1/restore", base_version="2", note="two was wrong")

    assert answer.status_code == 303
    assert (now().source, now().version) == (SOURCE, 3)
    assert "two was wrong" in browser.get(f"/scripts/{script.id}/versions").text


def test_a_stale_restore_asks_to_look_again(
    alice: Person, script: Script, sign_in: SignIn, now: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/versions/1/restore")
    answer = browser.post(f"/scripts/{script.id}/versions/1/restore", base_version="1")

    assert answer.headers["Location"].endswith("/versions/1/restore")
    assert now().version == 2


@pytest.mark.parametrize("number", ["0", "3", "2147483647", "99999999999999999999", "-1", "x"])
def test_versions_that_never_were_are_not_found(alice: Person, script: Script, sign_in: SignIn, number: str) -> None:
    browser = sign_in(alice)

    assert browser.get(f"/scripts/{script.id}/versions/{number}").status_code == 404
    assert browser.get(f"/scripts/{script.id}/versions/{number}/restore").status_code == 404
    compared = browser.get(f"/scripts/{script.id}/compare?from={number}&to=2").status_code
    assert compared == (200 if number in ("0", "x") else 404)


def test_comparing_shows_code_and_settings(alice: Person, script: Script, sign_in: SignIn, app: Flask) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/limits")
    browser.post(f"/scripts/{script.id}/limits", base_version="2", timeout_ms="5")
    page = browser.get(f"/scripts/{script.id}/compare?from=1&to=3").text

    assert "Time limit" in page
    assert "5.00" in page
    assert "<del>" in page or "is-deleted" in page


def test_a_milestone_is_marked_and_unmarked(alice: Person, script: Script, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/versions")
    answer = browser.post(f"/scripts/{script.id}/versions/1/milestone", HTMX, milestone="1")
    assert answer.text.lstrip().startswith('<li id="version-1"')
    assert "Milestone" in answer.text
    browser.get(f"/scripts/{script.id}/versions")
    assert browser.post(f"/scripts/{script.id}/versions/1/milestone", milestone="0").status_code == 303
    assert ">Milestone<" not in browser.get(f"/scripts/{script.id}/versions").text


def test_older_versions_come_by_and_by(
    alice: Person, script: Script, sign_in: SignIn, app: Flask, acme: Tenant
) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        for number in range(30):
            scripts.save(alice.principal, script.id, Changes(source=f"return {number};"))
    browser = sign_in(alice)
    first = browser.get(f"/scripts/{script.id}/versions").text
    assert first.count('<li id="version-') == STRETCH
    assert f"before={33 - STRETCH}" in first
    rest = browser.get(f"/scripts/{script.id}/versions?before={33 - STRETCH}", headers=HTMX).text
    assert rest.lstrip().startswith("<li")
    assert rest.count('<li id="version-') == 32 - STRETCH
    assert "before=" not in rest
    for strange in ("x", "0", "-1", "99999999999999999999"):
        assert browser.get(f"/scripts/{script.id}/versions?before={strange}").status_code == 200


def test_numbers_say_nothing_of_tests_and_cancelled_runs(
    alice: Person, script: Script, sign_in: SignIn, app: Flask, acme: Tenant
) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        for status, trigger, took in (("succeeded", "cron", 100), ("succeeded", "http", 200), ("succeeded", "event", 300),
                                      ("failed", "manual", 400), ("failed", "test", 1), ("cancelled", "manual", 1)):  # fmt: skip
            db.session.add(
                Execution(script_id=script.id, version_number=2, trigger=trigger, status=status, run_ms=took)
            )
        db.session.commit()
    page = sign_in(alice).get(f"/scripts/{script.id}/numbers").text

    assert "75%" in page
    assert "4 succeeded" not in page
    assert "3 succeeded, 2 failed, 1 cancelled" in page
