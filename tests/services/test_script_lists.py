"""Finding scripts among many, on both databases."""

import json
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func, select

from models import Execution, Schedule, Script, db
from models.base import utcnow
from services import script_lists, scripts
from services.identity import Principal
from services.script_lists import Filters
from services.scripts import Changes
from tests.conftest import Person


def write(author: Principal, name: str, **more: object) -> Script:
    return scripts.create(author, Changes(name=name, **more))


def names(author: Principal, sort: str = "name", **filters: str) -> list[str]:
    return [row.script.name for row in script_lists.page(author, Filters(**filters), sort).rows]


def test_words_are_found_in_name_description_tags_and_code_whatever_their_case(author: Principal) -> None:
    write(author, "Сверка Платежей", description="Каждый ДЕНЬ")
    write(author, "Price orders", tags=["Narxlar"], source="const СКИДКА = 5; return sdk.db")

    assert names(author, words="платежей") == ["Сверка Платежей"]
    assert names(author, words="день СВЕРКА") == ["Сверка Платежей"]
    assert names(author, words="скидка") == ["Price orders"]
    assert names(author, words="narxlar price") == ["Price orders"]
    assert names(author, words="narxlar платежей") == []
    assert names(author, words="%") == names(author, words="_x") == []


def test_what_is_found_follows_what_is_saved(author: Principal) -> None:
    script = write(author, "Before", source="return 'old words'")
    scripts.save(author, script.id, Changes(name="After", source="return 'new words'"))

    assert names(author, words="old") == names(author, words="before") == []
    assert names(author, words="new after") == ["After"]
    scripts.delete(author, script.id)
    assert names(author, words="new") == []


def test_filters_narrow(author: Principal) -> None:
    write(author, "Alpha", tags=["ключ", 'a"b'])
    beta = write(author, "Beta", tags=["b"], enabled=False)
    db.session.add(Schedule(script_id=beta.id, cron="0 9 * * *"))
    db.session.commit()

    assert names(author, tag="ключ") == ["Alpha"]
    assert names(author, tag='a"b') == ["Alpha"]
    assert names(author, tag="клю") == []
    assert names(author, state="disabled") == names(author, trigger="schedules") == ["Beta"]
    assert names(author, trigger="none") == names(author, state="enabled") == ["Alpha"]
    assert names(author, status="never") == ["Alpha", "Beta"]
    assert script_lists.tags(author) == ['a"b', "b", "ключ"]


def test_the_last_run_is_as_old_as_it_is_whatever_zone_the_server_lives_in(author: Principal) -> None:
    script = write(author, "Far away")
    at = utcnow()
    db.session.add(Execution(script_id=script.id, version_number=1, trigger="api", status="succeeded", created_at=at))
    db.session.commit()
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(select(func.set_config("TimeZone", "Asia/Tashkent", True)))

    last = script_lists.row(author, script.id).last

    assert last is not None and last.created_at == at


def test_each_row_shows_its_own_last_thirty_runs(author: Principal) -> None:
    one, other = write(author, "One"), write(author, "Other")
    for script, count in ((one, 35), (other, 3)):
        for number in range(count):
            status = "failed" if number == count - 1 else "succeeded"
            db.session.add(
                Execution(script_id=script.id, version_number=1, trigger="api", status=status, run_ms=number)
            )
    db.session.commit()

    rows = {row.script.name: row for row in script_lists.page(author, Filters()).rows}

    assert [len(rows[name].runs) for name in ("One", "Other")] == [30, 3]
    assert (rows["One"].last.status, rows["One"].last.run_ms, rows["One"].runs[-1].run_ms) == ("failed", 34, 5)


def test_pages_hold_what_there_is(author: Principal) -> None:
    for number in range(30):
        write(author, f"Script {number:02}")

    second = script_lists.page(author, Filters(), "name", 2)

    assert [row.script.name for row in second.rows] == [f"Script {number}" for number in range(25, 30)]
    assert (second.total, second.pages) == (30, 2)
    assert script_lists.page(author, Filters(), "name", 99).page == 2


def test_many_are_changed_at_once_and_who_refuses_is_named(author: Principal) -> None:
    good, broken = write(author, "Good", enabled=False), write(author, "Broken", source="return (")

    assert script_lists.change_many(author, [good.id, broken.id, good.id], "enable") == (1, ["Broken"])
    assert script_lists.change_many(author, [good.id, broken.id], "tag", "Night") == (2, [])
    assert names(author, tag="night") == ["Broken", "Good"]
    assert script_lists.change_many(author, [good.id], "untag", "Night") == (1, [])
    assert names(author, tag="night") == ["Broken"]


def test_totals_count_what_fails_now(author: Principal) -> None:
    failing = write(author, "Failing")
    write(author, "Off", enabled=False)
    failing.last_status, failing.last_run_at = "failed", utcnow()
    db.session.commit()

    assert script_lists.totals(author) == script_lists.Totals(2, 1, 1)


def test_nobody_sees_the_scripts_of_another_tenant(
    author: Principal, charlie: Person, as_person: Callable[[Person], Principal]
) -> None:
    script = write(author, "Ours", source="return 'secret word'")
    db.session.add(Execution(script_id=script.id, version_number=1, trigger="api", status="succeeded"))
    db.session.commit()
    elsewhere = as_person(charlie)

    assert names(elsewhere, words="secret") == names(elsewhere) == []
    assert script_lists.totals(elsewhere) == script_lists.Totals(0, 0, 0)
    assert json.dumps(script_lists.tags(elsewhere)) == "[]"
    assert not any(script_lists._newest_runs(elsewhere, [UUID(str(script.id))]).values())
