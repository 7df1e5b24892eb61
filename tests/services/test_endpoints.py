"""Endpoints as people and programs make them: who may, what is refused, and that two never answer one request."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from models import AuditEntry, Endpoint, EndpointRoute, Script, db
from models.tenancy import as_system, as_tenant, bind
from services import endpoints, queueing, scripts, versions
from services.endpoints import Changes, PathTaken
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.identity import Principal
from services.queueing import Wanted
from tests.conftest import Person


@pytest.fixture
def author(alice: Person, as_person: Callable[[Person], Principal]) -> Principal:
    return as_person(alice)


def write(author: Principal, name: str = "Take orders") -> Script:
    return scripts.create(author, scripts.Changes(name=name, source="return 1"))


def routes() -> list[tuple[str, str]]:
    return sorted((row.method, row.shape) for row in db.session.scalars(select(EndpointRoute)))


def test_it_is_made_changed_and_deleted_and_each_change_is_a_version(author: Principal) -> None:
    script = write(author)
    made = endpoints.create(author, script.id, Changes(path="/orders/:id/", methods=["POST", "GET", "POST"]))
    assert (made.path, made.methods, made.auth, made.mode, made.options) == (
        "orders/:id",
        ["GET", "POST"],
        "token",
        "sync",
        {},
    )
    assert routes() == [("GET", "orders/:"), ("POST", "orders/:")]
    endpoints.update(author, made.id, Changes(methods=["PUT"], options={"rate_per_minute": 5}))
    assert routes() == [("PUT", "orders/:")]
    assert versions.latest(script.id).triggers["endpoints"] == [{  # type: ignore[union-attr]
        "id": str(made.id), "path": "orders/:id", "methods": ["PUT"], "auth": "token", "mode": "sync", "enabled": True,
        "options": {"rate_per_minute": 5},
    }]  # fmt: skip
    before = scripts.get(author, script.id).version
    endpoints.update(author, made.id, Changes(methods=["PUT"], path="orders/:id"))
    assert scripts.get(author, script.id).version == before == 3
    endpoints.delete(author, made.id)
    assert routes() == [] and endpoints.listed(author, script.id) == []
    audited = db.session.scalars(
        select(AuditEntry).where(AuditEntry.target_type == "endpoint").order_by(AuditEntry.id)
    ).all()
    assert [entry.action for entry in audited] == ["endpoint.created", "endpoint.updated", "endpoint.deleted"]
    assert audited[1].after == {"methods": ["PUT"], "options": {"rate_per_minute": 5}}
    assert audited[0].target_label == "Take orders: /orders/:id"


@pytest.mark.parametrize(("first", "second"), [
    (("orders", ["POST"]), ("orders", ["POST"])), (("orders/:id", ["GET", "POST"]), ("orders/:order", ["POST", "PUT"])),
    ((":a/b/:c", ["GET"]), ("/:x/b/:y/", ["GET"])),
])  # fmt: skip
def test_a_path_that_would_answer_the_same_requests_is_refused_and_the_other_script_named(
    author: Principal, first: Any, second: Any
) -> None:
    standing, mine = write(author, "Old answerer"), write(author, "New answerer")
    endpoints.create(author, standing.id, Changes(path=first[0], methods=first[1]))
    with pytest.raises(PathTaken) as refusal:
        endpoints.create(author, mine.id, Changes(path=second[0], methods=second[1]))
    assert "“Old answerer”" in str(refusal.value) and refusal.value.field == "path"
    assert endpoints.listed(author, mine.id) == [] and scripts.get(author, mine.id).version == 1

    other = endpoints.create(author, mine.id, Changes(path="elsewhere", methods=second[1]))
    with pytest.raises(PathTaken):
        endpoints.update(author, other.id, Changes(path=second[0]))
    assert endpoints.get(author, other.id).path == "elsewhere" and ("POST" in first[1]) is (
        ("POST", "elsewhere") in routes()
    )


def test_paths_that_only_overlap_stand_side_by_side(author: Principal) -> None:
    script = write(author)
    for path, methods in (
        ("orders/:id", ["GET"]),
        ("orders/:id", ["POST"]),
        ("orders/new", ["GET"]),
        (":kind/new", ["GET"]),
        ("orders", ["GET"]),
    ):
        endpoints.create(author, script.id, Changes(path=path, methods=methods))
    assert len(routes()) == 5


def test_another_business_may_have_the_same_path(author: Principal, charlie: Person) -> None:
    endpoints.create(author, write(author).id, Changes(path="orders"))
    bind(db.session, charlie.principal.tenant.id)
    endpoints.create(charlie.principal, write(charlie.principal).id, Changes(path="orders"))
    with as_system(db.session):
        assert len(routes()) == 2


def test_a_paused_endpoint_keeps_its_path(author: Principal) -> None:
    script = write(author)
    endpoints.create(author, script.id, Changes(path="orders", enabled=False))
    with pytest.raises(PathTaken):
        endpoints.create(author, script.id, Changes(path="orders"))


def test_of_two_who_save_the_same_path_at_once_one_is_refused(
    app: Flask, author: Principal, side_by_side: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither sees the other when it looks; the database decides."""
    script_ids = [write(author, f"Script {number}").id for number in range(2)]
    db.session.commit()
    both_looked, looked = threading.Barrier(2, timeout=1), endpoints._refuse_if_taken
    first_look = threading.local()

    def look(*given: Any) -> None:
        looked(*given)
        if not getattr(first_look, "done", False):
            first_look.done = True
            with contextlib.suppress(
                threading.BrokenBarrierError
            ):  # SQLite lets one writer in at a time: they never meet
                both_looked.wait()

    monkeypatch.setattr(endpoints, "_refuse_if_taken", look)

    def save(script_id: Any) -> str:
        with app.app_context(), as_tenant(db.session, author.tenant.id):  # type: ignore[union-attr]
            try:
                endpoints.create(author, script_id, Changes(path="orders/:id"))
            except Conflict as refusal:
                return str(refusal)
            return "saved"

    answers = side_by_side(*[lambda script_id=script_id: save(script_id) for script_id in script_ids])
    assert answers.count("saved") == 1, answers
    assert any("would answer the same requests as /orders/:id of the script “Script" in answer for answer in answers)
    assert db.session.scalar(select(func.count()).select_from(Endpoint)) == 1 and len(routes()) == 1


WRONG: list[tuple[Any, str]] = [
    ({"path": ".."}, "path"), ({"path": None}, "path"), ({}, "path"), ({"path": "a", "methods": []}, "methods"),
    ({"path": "a", "methods": ["TRACE"]}, "methods"), ({"path": "a", "methods": "GET"}, "methods"), ({"path": "a", "methods": None}, "methods"),
    ({"path": "a", "methods": [5, {}]}, "methods"), ({"path": "a", "auth": "none"}, "auth"), ({"path": "a", "mode": 1}, "mode"),
    ({"path": "a", "enabled": "yes"}, "enabled"), ({"path": "a", "options": []}, "options"), ({"path": "a", "options": {"x": 1}}, "options"),
    ({"path": "a", "auth": "signature"}, "options.signature"), ({"path": "a", "options": {"rate_per_minute": 0}}, "options.rate_per_minute"),
    ({"path": "a", "options": {"rate_per_minute": True}}, "options.rate_per_minute"),
    ({"path": "a", "options": {"body_limit_bytes": 10**9}}, "options.body_limit_bytes"),
    ({"path": "a", "options": {"timeout_s": 301}}, "options.timeout_s"), ({"path": "a", "options": {"timeout_s": 1.5}}, "options.timeout_s"),
    ({"path": "a", "options": {"forward_authorization": 1}}, "options.forward_authorization"),
    ({"path": "a", "options": {"cors": True}}, "options.cors"), ({"path": "a", "options": {"cors": {"origins": []}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": "*"}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["shop.example"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["https://shop.example/"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["https://u:p@shop.example"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["https://shop.example:x"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["https://a\r\nb"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["https://"]}}}, "options.cors.origins"),
    # Browsers never write these, so nobody would ever be let in by them.
    ({"path": "a", "options": {"cors": {"origins": ["https://*.shop.example"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["https://магазин.example"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["https://shop.example:443"]}}}, "options.cors.origins"),
    ({"path": "a", "options": {"cors": {"origins": ["*"], "headers": ["a b"]}}}, "options.cors.headers"),
    ({"path": "a", "options": {"cors": {"origins": ["*"], "max_age_s": -1}}}, "options.cors.max_age_s"),
    ({"path": "a", "options": {"cors": {"origins": ["*"], "credentials": True}}}, "options.cors"),
]  # fmt: skip


def test_what_cannot_be_is_refused_with_the_member_to_blame(author: Principal) -> None:
    script = write(author)
    for given, field in WRONG:
        with pytest.raises(Invalid) as refusal:
            endpoints.create(author, script.id, Changes(**given))
        assert refusal.value.field == field, given
        db.session.rollback()
    assert endpoints.listed(author, script.id) == []


def test_the_last_requests_are_listed_without_being_read_whole(author: Principal) -> None:
    script = write(author)
    made, other = (endpoints.create(author, script.id, Changes(path=path)) for path in ("orders/:id", "other"))
    for number, endpoint in enumerate((made, other, made)):
        request = {"method": "PUT", "path": f"/orders/{number}", "rawBody": "x" * 10_000}
        queueing.queued(script, Wanted(trigger="http", trigger_id=endpoint.id, label="10.0.0.1", request=request))
        db.session.flush()
    db.session.commit()
    found = endpoints.recent(author, made)
    assert [(row.method, row.path, row.status, row.actor_label) for row in found] == [
        ("PUT", "/orders/2", "queued", "10.0.0.1"), ("PUT", "/orders/0", "queued", "10.0.0.1"),
    ]  # fmt: skip


def test_a_wrong_change_leaves_everything_as_it_was(author: Principal) -> None:
    made = endpoints.create(author, write(author).id, Changes(path="orders"))
    with pytest.raises(Invalid):
        endpoints.update(author, made.id, Changes(path="bills", methods=["GET"], options={"timeout_s": 0}))
    db.session.rollback()
    assert (endpoints.get(author, made.id).path, routes()) == ("orders", [("POST", "orders")])


def test_bob_reads_and_changes_nothing_and_charlie_finds_nothing(
    author: Principal, bob: Person, charlie: Person, as_person: Callable[[Person], Principal]
) -> None:
    script = write(author)
    made = endpoints.create(author, script.id, Changes(path="orders"))
    viewer = as_person(bob)
    assert endpoints.get(viewer, made.id).path == "orders" and len(endpoints.listed(viewer, script.id)) == 1
    for deed in (lambda: endpoints.create(viewer, script.id, Changes(path="x")), lambda: endpoints.delete(viewer, made.id),
                 lambda: endpoints.update(viewer, made.id, Changes(enabled=False))):  # fmt: skip
        with pytest.raises(Forbidden):
            deed()
    stranger = as_person(charlie)
    for deed in (lambda: endpoints.create(stranger, script.id, Changes(path="x")), lambda: endpoints.delete(stranger, made.id),
                 lambda: endpoints.get(stranger, made.id), lambda: endpoints.listed(stranger, script.id)):  # fmt: skip
        with pytest.raises(NotFound):
            deed()
    assert endpoints.page(stranger)[0].rows == []


def test_a_deleted_script_frees_its_paths(author: Principal) -> None:
    script, other = write(author), write(author, "Another")
    endpoints.create(author, script.id, Changes(path="orders"))
    scripts.delete(author, script.id)
    assert routes() == []
    endpoints.create(author, other.id, Changes(path="orders"))


def test_a_script_has_not_more_than_it_may(author: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST_PER_SCRIPT", 2)
    script = write(author)
    for path in ("a", "b"):
        endpoints.create(author, script.id, Changes(path=path))
    with pytest.raises(Conflict):
        endpoints.create(author, script.id, Changes(path="c"))


@pytest.mark.parametrize(
    "origin", ["https://shop.example", "http://localhost:3000", "http://[::1]:8080", "https://xn--80aa.example", "http://shop.example:443"]
)  # fmt: skip
def test_an_origin_as_a_browser_writes_it_is_kept(author: Principal, origin: str) -> None:
    made = endpoints.create(author, write(author).id, Changes(path="shop", options={"cors": {"origins": [origin]}}))
    assert made.options["cors"]["origins"] == [origin]
