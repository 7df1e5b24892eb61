"""Every way we know of to reach another tenant's rows through the session; none may work, on either database."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import column as sql_column
from sqlalchemy import delete, func, insert, select, table, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased, joinedload

from models import ApiToken, Role, Script, ScriptVersion, Tenant, User, db
from models.ids import uuid7
from models.tenancy import TenancyError, as_system, as_tenant, bind, bound_to


@pytest.fixture
def two(app: Flask, acme: Tenant, globex: Tenant) -> SimpleNamespace:
    """A script with a version in each tenant; the session is bound to acme."""
    with app.app_context():
        ids = {}
        for tenant in (acme, globex):
            with as_tenant(db.session, tenant.id):
                script = Script(
                    name=f"{tenant.slug} script", name_key=f"{tenant.slug} script", source=f"// {tenant.slug}"
                )
                db.session.add(script)
                db.session.flush()
                db.session.add(ScriptVersion(script_id=script.id, number=1, source="", source_hash=""))
                db.session.commit()
                ids[tenant.slug] = script.id
        bind(db.session, acme.id)
        yield SimpleNamespace(own=ids["acme"], foreign=ids["globex"], acme=acme, globex=globex)
        db.session.rollback()
        bind(db.session, None)


def names(query: object) -> list[str]:
    return list(db.session.scalars(query))  # type: ignore[call-overload]


def foreign_name(two: SimpleNamespace) -> str | None:
    with as_system(db.session):
        return db.session.scalar(select(Script.name).where(Script.id == two.foreign))


def test_it_lists_only_the_own_rows(two: SimpleNamespace) -> None:
    assert names(select(Script.name)) == ["acme script"]
    assert [script.name for script in db.session.scalars(select(Script))] == ["acme script"]


def test_an_id_of_another_tenant_finds_nothing(two: SimpleNamespace) -> None:
    assert db.session.get(Script, two.foreign) is None
    assert names(select(Script.name).where(Script.id == two.foreign)) == []


@pytest.mark.parametrize(
    "query",
    [
        lambda two: select(func.count(Script.id)),
        lambda two: select(func.count()).select_from(Script),
        lambda two: select(func.count()).select_from(select(Script).subquery()),
        lambda two: select(func.count(ScriptVersion.id)).join(Script, Script.id == ScriptVersion.script_id),
        lambda two: select(func.count()).select_from(Tenant).join(Script, Script.tenant_id == Tenant.id),
        lambda two: select(select(func.count(Script.id)).scalar_subquery()),
    ],
)
def test_a_count_counts_only_the_own_rows(two: SimpleNamespace, query: Callable[[SimpleNamespace], object]) -> None:
    assert db.session.scalar(query(two)) == 1  # type: ignore[call-overload]


def test_a_join_does_not_reach_over(two: SimpleNamespace) -> None:
    other = aliased(Script)
    pairs = select(Script.name, other.name).join(other, other.id != Script.id)

    assert db.session.execute(pairs).all() == []


def test_a_subquery_and_exists_do_not_reach_over(two: SimpleNamespace) -> None:
    with_foreign = select(Tenant.slug).where(select(Script.id).where(Script.tenant_id == Tenant.id).exists())
    by_membership = select(Tenant.slug).where(Tenant.id.in_(select(Script.tenant_id)))

    assert names(with_foreign) == ["acme"]
    assert names(by_membership) == ["acme"]


def test_a_union_does_not_reach_over(two: SimpleNamespace) -> None:
    both = select(Script.name).union_all(select(Script.name).where(Script.id == two.foreign)).subquery()

    assert names(select(both.c.name)) == ["acme script"]


def test_a_relationship_does_not_load_a_row_of_another_tenant(two: SimpleNamespace, charlie: object) -> None:
    with as_system(db.session):
        stray = ApiToken(tenant_id=two.acme.id, user_id=charlie.id, name="stray", prefix="x", token_hash="x")  # type: ignore[attr-defined]
        db.session.add(stray)
        db.session.commit()

    token = db.session.scalars(select(ApiToken).options(joinedload(ApiToken.user))).one()

    assert token.user is None


def test_a_bulk_update_touches_only_the_own_rows(two: SimpleNamespace) -> None:
    db.session.execute(update(Script).values(name="changed"))
    db.session.commit()

    assert foreign_name(two) == "globex script"


def test_a_bulk_update_by_primary_key_cannot_reach_over(two: SimpleNamespace) -> None:
    with pytest.raises(TenancyError):
        db.session.execute(update(Script), [{"id": two.foreign, "name": "changed"}])

    assert foreign_name(two) == "globex script"


def test_a_bulk_delete_touches_only_the_own_rows(two: SimpleNamespace) -> None:
    db.session.execute(delete(ScriptVersion))
    db.session.execute(delete(Script).where(Script.id == two.foreign))
    db.session.commit()

    assert foreign_name(two) == "globex script"


@pytest.mark.parametrize(
    "statement",
    [
        text("SELECT name FROM scripts"),
        text("UPDATE scripts SET name = 'changed'"),
        select(text("name")).select_from(text("scripts")),
        select(Script).where(text("1=1 OR 1=1")),
        select(Script.__table__),
        select(Script.__table__.c.name),
        select(Script.__table__.alias().c.name),
        select(Script.id, Script.__table__.alias("other").c.name),
        select(table("scripts", sql_column("name"))),
        select(Tenant.name, User.__table__.c.email),
        update(Script.__table__).values(name="changed"),
        delete(Script.__table__),
    ],
    ids=str,
)
def test_what_cannot_be_narrowed_is_refused(two: SimpleNamespace, statement: object) -> None:
    with pytest.raises(TenancyError):
        db.session.execute(statement)  # type: ignore[call-overload]

    db.session.rollback()
    assert foreign_name(two) == "globex script"


def test_a_new_row_takes_the_bound_tenant(two: SimpleNamespace) -> None:
    db.session.add(Role(name="Cashier", name_key="cashier"))
    db.session.commit()

    role = db.session.scalars(select(Role).where(Role.name_key == "cashier")).one()
    assert role.tenant_id == two.acme.id


def test_a_new_row_for_another_tenant_is_refused(two: SimpleNamespace) -> None:
    db.session.add(Role(tenant_id=two.globex.id, name="Spy", name_key="spy"))

    with pytest.raises(TenancyError):
        db.session.flush()


def test_a_row_cannot_change_its_tenant(two: SimpleNamespace) -> None:
    script = db.session.get_one(Script, two.own)
    script.tenant_id = two.globex.id

    with pytest.raises(TenancyError):
        db.session.flush()
    db.session.rollback()
    with pytest.raises(TenancyError):
        db.session.execute(update(Script).values(tenant_id=two.globex.id))


def test_a_bulk_insert_takes_the_bound_tenant_or_is_refused(two: SimpleNamespace) -> None:
    db.session.execute(insert(Role), [{"id": uuid7(), "name": n, "name_key": n, "permissions": []} for n in "ab"])
    own = db.session.scalar(select(func.count(Role.id)).where(Role.name_key.in_(["a", "b"])))

    assert own == 2
    for statement, rows in (
        (insert(Role), [{"name": "x", "name_key": "x", "tenant_id": two.globex.id}]),
        (insert(Role).values(name="x", name_key="x", tenant_id=two.globex.id), None),
        (insert(Role).values([{"name": "x", "name_key": "x", "tenant_id": two.globex.id}]), None),
        (insert(Role).from_select(["name", "name_key"], select(Role.name, Role.name_key)), None),
    ):
        with pytest.raises(TenancyError):
            db.session.execute(statement, rows)


def test_the_database_keeps_a_child_in_its_parents_tenant(two: SimpleNamespace) -> None:
    db.session.add(ScriptVersion(script_id=two.foreign, number=7, source="", source_hash=""))

    with pytest.raises(SQLAlchemyError):
        db.session.flush()


def test_nothing_bound_means_nothing_touched(two: SimpleNamespace) -> None:
    bind(db.session, None)

    for statement in (
        select(Script),
        select(Script.name),
        select(func.count(Script.id)),
        delete(Script),
        update(Script).values(name="x"),
    ):
        with pytest.raises(TenancyError):
            db.session.execute(statement)
    db.session.add(Role(name="x", name_key="x"))
    with pytest.raises(TenancyError):
        db.session.flush()


def test_tenants_themselves_need_no_binding(two: SimpleNamespace) -> None:
    bind(db.session, None)

    assert names(select(Tenant.slug).order_by(Tenant.slug)) == ["acme", "globex"]


def test_rebinding_forgets_what_was_loaded(two: SimpleNamespace) -> None:
    own = db.session.get_one(Script, two.own)
    bind(db.session, two.globex.id)

    assert own not in db.session
    assert db.session.get(Script, two.own) is None


def test_unsaved_changes_keep_their_binding(two: SimpleNamespace) -> None:
    db.session.add(Role(name="x", name_key="x"))

    with pytest.raises(TenancyError):
        bind(db.session, two.globex.id)


def test_a_row_saved_as_it_was_is_no_unsaved_change(two: SimpleNamespace) -> None:
    script = db.session.get_one(Script, two.own)
    script.name = str(script.name)
    assert foreign_name(two) == "globex script"


def test_an_error_under_another_binding_leaves_nothing_behind(two: SimpleNamespace) -> None:
    def fail_inside() -> None:
        with as_system(db.session):
            db.session.add(Role(tenant_id=two.globex.id, name="half done", name_key="half done"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_inside()

    assert bound_to(db.session) == two.acme.id
    db.session.commit()
    with as_system(db.session):
        assert db.session.scalar(select(func.count(Role.id)).where(Role.name_key == "half done")) == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_row_level_security_says_the_same_below_the_orm(two: SimpleNamespace) -> None:
    connection = db.session.connection()

    assert connection.execute(text("SELECT name FROM scripts")).scalars().all() == ["acme script"]
    assert (
        connection.execute(text("UPDATE scripts SET name = 'changed' WHERE id = :id"), {"id": two.foreign}).rowcount
        == 0
    )
    with pytest.raises(SQLAlchemyError, match="row-level security"):
        connection.execute(
            text("INSERT INTO roles (id, tenant_id, name, name_key, is_builtin, permissions, created_at, updated_at)"
                 " VALUES (:id, :tenant, 'x', 'x', false, '[]', now(), now())"),
            {"id": uuid7(), "tenant": two.globex.id},
        )  # fmt: skip
    db.session.rollback()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_new_transaction_is_bound_again(two: SimpleNamespace) -> None:
    db.session.commit()
    assert db.session.connection().execute(text("SELECT name FROM scripts")).scalars().all() == ["acme script"]
    db.session.rollback()
    bind(db.session, two.globex.id)
    assert db.session.connection().execute(text("SELECT name FROM scripts")).scalars().all() == ["globex script"]
    bind(db.session, None)
    assert db.session.connection().execute(text("SELECT name FROM scripts")).scalars().all() == []
