"""Scripts as files: out and in again they are the same, and no file from outside does more than bring scripts."""

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from models import Tenant, db
from models.tenancy import bind
from services import bundles, endpoints, schedules, scripts, subscriptions
from services.bundles.archives import Files
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.identity import Principal
from services.scripts import Changes
from tests.conftest import Person

SOURCE = "const { region } = context.input;\nreturn { region, сумма: 'oʻn' };\n"


@pytest.fixture
def alices(session: object, alice: Person, as_person: Callable[[Person], Principal]) -> Principal:
    return as_person(alice)


@pytest.fixture
def script(alices: Principal) -> Any:
    made = scripts.create(alices, Changes(
        name="Сверка платежей: Q4", description="Каждый день", source=SOURCE, tags=["payments", "бухгалтерия"],
        metadata={"owner": "Olga"}, limits={"timeout_ms": 5_000, "memory_mb": 64}, retention={"max_versions": 20},
        parameters=[{"name": "region", "type": "enum", "options": ["Tashkent", "Бухара"], "required": True}],
        sample_input={"region": "Tashkent"},
    ))  # fmt: skip
    schedules.create(alices, made.id, schedules.Changes(cron="0 9 * * 1-5", input={"region": "Бухара"}))
    subscriptions.create(alices, made.id, "order.*", {"path": "data.total", "op": "gt", "value": 5}, allow_self=True)
    endpoints.create(alices, made.id, endpoints.Changes(path="orders/:id", methods=["PUT"], options={"timeout_s": 9}))
    return made


def exported(actor: Principal) -> Files:
    return dict(bundles.files_of(bundles.everything(actor)))


def zipped(files: dict[str, bytes]) -> io.BytesIO:
    target = io.BytesIO()
    bundles.write_zip(files.items(), target)
    target.seek(0)
    return target


def about(files: Files, **changed: Any) -> bytes:
    document = json.loads(next(content for path, content in files.items() if path.endswith(".json")))
    return json.dumps({**document, **changed}).encode()


def test_it_comes_back_as_it_went(script: Any, alices: Principal, charlie: Person) -> None:
    files = exported(alices)
    assert list(files) == ["сверка-платежей-q4/script.js", "сверка-платежей-q4/script.json"]
    assert files["сверка-платежей-q4/script.js"].decode() == SOURCE
    bind(db.session, charlie.principal.tenant.id)

    bundles.carry_out(charlie.principal, bundles.plan(charlie.principal, bundles.read_zip(zipped(files))))

    assert exported(charlie.principal) == files


def test_the_same_scripts_make_the_same_zip(script: Any, alices: Principal) -> None:
    assert zipped(exported(alices)).getvalue() == zipped(exported(alices)).getvalue()


def test_what_is_already_so_is_left_alone(script: Any, alices: Principal) -> None:
    version = scripts.get(alices, script.id).version
    plan = bundles.plan(alices, exported(alices))
    bundles.carry_out(alices, plan)
    assert (plan.count("unchanged"), scripts.get(alices, script.id).version) == (1, version)


def test_it_says_first_what_would_change_and_changes_nothing(script: Any, alices: Principal) -> None:
    files = exported(alices)
    code, settings = files
    document = json.loads(files[settings])
    document["limits"]["timeout_ms"] = 9_000
    document["triggers"]["schedules"][0]["cron"] = "0 10 * * *"
    before = exported(alices)

    changed = {code: b"return 1;\n", settings: json.dumps(document).encode()}
    item = bundles.plan(alices, changed).items[0]

    assert (item.action, item.lines_added, item.lines_removed) == ("update", 1, 2)
    assert [(change.area, change.name, change.kind) for change in item.changes] == [
        ("limits", "timeout_ms", "changed"), ("schedules", "0 9 * * 1-5", "removed"), ("schedules", "0 10 * * *", "added"),
    ]  # fmt: skip
    assert exported(alices) == before
    bundles.carry_out(alices, bundles.plan(alices, changed))
    assert bundles.plan(alices, changed).count("unchanged") == 1
    assert [row.cron for row in schedules.listed(alices, script.id)] == ["0 10 * * *"]


def test_a_trigger_that_stays_keeps_its_history(script: Any, alices: Principal) -> None:
    files = exported(alices)
    before = [row.id for row in schedules.listed(alices, script.id)]
    bundles.carry_out(alices, bundles.plan(alices, {**files, list(files)[1]: about(files, description="new")}))
    assert [row.id for row in schedules.listed(alices, script.id)] == before


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "x"}, {"limits": {"timeout_ms": 1}}, {"parameters": [{"name": "1st"}]}, {"tags": "no"}, {"enabled": "yes"},
        {"triggers": {"schedules": [{"cron": "every day"}]}}, {"triggers": {"schedules": [{"cron": "0 9 * * *", "timezone": "Mars"}]}},
        {"triggers": {"subscriptions": [{"event_type": "a b"}]}}, {"metadata": []}, {"name": 5},
    ],
)  # fmt: skip
def test_a_plan_finds_what_saving_would_refuse(script: Any, alices: Principal, changed: dict[str, Any]) -> None:
    files = exported(alices)
    plan = bundles.plan(alices, {**files, list(files)[1]: about(files, **changed)})
    assert plan.items[0].action == "refused"
    with pytest.raises(Conflict):
        bundles.carry_out(alices, plan)
    assert exported(alices) == files


def test_an_enabled_script_with_a_syntax_error_is_refused_before(script: Any, alices: Principal) -> None:
    files = exported(alices)
    assert bundles.plan(alices, {**files, next(iter(files)): b"const ;"}).items[0].action == "refused"


def test_two_folders_cannot_be_one_script(script: Any, alices: Principal) -> None:
    files = exported(alices)
    twice = files | {path.replace("сверка", "copy"): content for path, content in files.items()}
    assert bundles.plan(alices, twice).count("refused") == 1


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"read.me": b"x"},
        {"a/script.js": b"1"},
        {"a/script.json": b'{"format": 1}'},
        {"a/script.js": b"\xff", "a/script.json": b'{"format": 1, "name": "abc"}'},
        {"a/script.js": b"1", "a/script.json": b"{"},
        {"a/script.js": b"1", "a/script.json": b"[" * 100_000},
        {"a/script.js": b"1", "a/script.json": b'{"format": 2}'},
        {"a/script.js": b"1", "a/script.json": b'{"format": 1, "secrets": {}}'},
        {"a/script.js": b"1", "a/script.json": b'{"format": 1, "triggers": {"schedules": [{"id": "1"}]}}'},
        {"a/script.js": b"1", "a/script.json": b'{"format": 1, "triggers": {"wishes": []}}'},
    ],
)
def test_what_is_no_bundle_is_refused(alices: Principal, files: Files) -> None:
    with pytest.raises(Invalid):
        bundles.plan(alices, files)


def test_who_may_only_read_exports_and_does_not_import(
    script: Any, alices: Principal, bob: Person, as_person: Callable[[Person], Principal]
) -> None:
    files = exported(as_person(bob))
    with pytest.raises(Forbidden):
        bundles.plan(bob.principal, files)


def test_another_tenant_finds_neither_scripts_nor_uploads(script: Any, alices: Principal, charlie: Person) -> None:
    digest = bundles.keep(alices, b"content")
    assert bundles.kept(alices, digest) == b"content"
    bind(db.session, charlie.principal.tenant.id)
    assert exported(charlie.principal) == {}
    with pytest.raises(NotFound):
        bundles.one(charlie.principal, script.id)
    with pytest.raises(NotFound):
        bundles.kept(charlie.principal, digest)


def test_a_secret_never_leaves(script: Any, alices: Principal) -> None:
    assert not any(
        "secret" in json.loads(content) for path, content in exported(alices).items() if path.endswith("json")
    )


# --- files from outside


def archive(*entries: tuple[str, bytes], mode: int = stat.S_IFREG | 0o644) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            entry = zipfile.ZipInfo(name)
            entry.filename = name  # as hostile tools write it
            entry.external_attr = mode << 16
            made.writestr(entry, content, zipfile.ZIP_DEFLATED)
    target.seek(0)
    return target


@pytest.mark.parametrize(
    "name", ["../script.js", "a/../../script.js", "/etc/script.js", "a\\script.js", "C:/script.js", "..\\a\\script.js"]
)
def test_a_path_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(Invalid):
        bundles.read_zip(archive((name, b"1")))


@pytest.mark.parametrize(
    "entries",
    [
        [("a/script.js", b"1"), ("A/script.js", b"2")],
        [("a/script.js", b"1"), ("a/script.js", b"2")],
        [("caf\u00e9/script.js", b"1"), ("cafe\u0301/script.js", b"2")],
        [("a/script.js", b"\0" * (256 * 1024 + 1))],
        [(f"a{n}/script.json", b" " * 2_000_000) for n in range(40)],
    ],
    ids=["case", "twice", "accents", "large", "bomb"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_would_overwrite_or_fill_is_refused(entries: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Invalid):
        bundles.read_zip(archive(*entries))


def test_a_link_is_refused() -> None:
    with pytest.raises(Invalid):
        bundles.read_zip(archive(("a/script.js", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        bundles.read_zip(io.BytesIO(content))


def test_a_broken_zip_is_refused() -> None:
    content = bytearray(archive(("a/script.js", bytes(range(256)) * 50)).getvalue())
    content[60:80] = b"x" * 20
    with pytest.raises(Invalid):
        bundles.read_zip(io.BytesIO(bytes(content)))


def test_other_files_are_passed_over() -> None:
    file = archive(
        ("README.md", b"x"), ("a/script.js", b"1"), ("a/notes/script.js", b"2"), ("__MACOSX/script.js", b"3")
    )
    assert bundles.read_zip(file) == {"a/script.js": b"1"}


def test_a_folder_is_read_and_written_and_links_are_not_followed(tmp_path: Path) -> None:
    files = {"a/script.js": b"1", "a/script.json": b"{}"}
    bundles.write_folder(files.items(), tmp_path)
    assert bundles.read_folder(tmp_path) == files
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert bundles.read_folder(tmp_path) == files
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "script.js").symlink_to("/etc/hostname")
    with pytest.raises(Invalid):
        bundles.read_folder(tmp_path)


def test_the_command_line_takes_them_out_and_brings_them_in(
    app: Flask, script: Any, alice: Person, charlie: Person, acme: Tenant, globex: Tenant, tmp_path: Path
) -> None:
    db.session.commit()
    run = app.test_cli_runner().invoke
    out = run(args=["script", "export", str(tmp_path / "out"), "--tenant", "acme", "--user", alice.email])
    assert "1 scripts are in" in out.output, out.output
    dry = run(
        args=["script", "import", str(tmp_path / "out"), "--tenant", "globex", "--user", charlie.email, "--dry-run"]
    )
    assert "+ Сверка платежей: Q4" in dry.output
    again = run(args=["script", "import", str(tmp_path / "out"), "--tenant", "globex", "--user", charlie.email])
    assert "1 created, 0 changed." in again.output, again.output
    assert run(args=["script", "export", str(tmp_path), "--tenant", "acme", "--user", charlie.email]).exit_code == 1


def test_endpoints_become_those_of_the_file_also_where_one_takes_the_place_of_another(
    script: Any, alices: Principal
) -> None:
    standing = endpoints.listed(alices, script.id)[0].id
    wanted = [{"path": "orders/:order", "methods": ["PUT", "GET"]}, {"path": "new", "auth": "public"}]
    files = exported(alices)
    files["сверка-платежей-q4/script.json"] = about(files, triggers={"endpoints": wanted})
    bundles.carry_out(alices, bundles.plan(alices, files))
    now = endpoints.listed(alices, script.id)
    assert [(row.path, row.methods, row.auth) for row in now] == [
        ("new", ["POST"], "public"),
        ("orders/:order", ["GET", "PUT"], "token"),
    ]
    assert standing not in {row.id for row in now}
    assert bundles.plan(alices, exported(alices)).items[0].action == "unchanged"


@pytest.mark.parametrize(
    "taken", [{"path": "orders/:x", "methods": ["PUT", "POST"]}, {"path": ".."}, {"path": "a", "auth": "signature"}, {}]
)
def test_an_address_that_cannot_be_had_refuses_the_import_before_anything_is_saved(
    script: Any, alices: Principal, taken: Any
) -> None:
    files = exported(alices)
    other = {
        "other/script.js": b"return 1",
        "other/script.json": about(files, name="Other", triggers={"endpoints": [taken]}),
    }
    planned = bundles.plan(alices, other)
    assert planned.items[0].action == "refused" and not planned.can_be_carried_out
    with pytest.raises(Conflict):
        bundles.carry_out(alices, planned)
    with pytest.raises(NotFound):
        scripts.by_name(alices, "Other")


def test_two_scripts_of_one_import_cannot_have_the_same_address(alices: Principal) -> None:
    def files(name: str, path: str) -> Files:
        document = {"format": 1, "name": name, "triggers": {"endpoints": [{"path": path}]}}
        return {f"{name}/script.js": b"return 1", f"{name}/script.json": json.dumps(document).encode()}

    planned = bundles.plan(alices, {**files("first", "orders/:id"), **files("second", "orders/:order")})
    assert [item.action for item in planned.items] == ["create", "refused"]


def test_an_import_that_fails_in_its_middle_leaves_nothing(
    script: Any, alices: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(name: str) -> Files:
        document = {"format": 1, "name": name, "triggers": {"schedules": [{"cron": "0 9 * * *"}]}}
        return {f"{name}/script.js": b"return 1", f"{name}/script.json": json.dumps(document).encode()}

    changed = {path: content.replace(b"region", b"place") for path, content in exported(alices).items()}
    planned = bundles.plan(alices, {**changed, **one("A new one"), **one("Taken meanwhile")})
    assert planned.can_be_carried_out
    scripts.create(alices, Changes(name="Taken meanwhile", source="return 2"))
    with pytest.raises(Conflict):
        bundles.carry_out(alices, planned)
    assert scripts.by_name(alices, "Taken meanwhile").source == "return 2"
    assert scripts.by_name(alices, script.name).source == SOURCE
    with pytest.raises(NotFound):
        scripts.by_name(alices, "A new one")

    again = bundles.plan(alices, {**changed, **one("A new one")})
    bundles.carry_out(alices, again)
    db.session.rollback()  # what was not committed would be gone
    assert "place" in scripts.by_name(alices, script.name).source
    assert len(schedules.listed(alices, scripts.by_name(alices, "A new one").id)) == 1
