"""The second walls stand alone: statements go to the database as an attacker would want them, past the guard."""

import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from runtime.errors import HostError
from services.granted.business_db import BusinessDatabase
from services.granted.row_security import row_security_sql
from services.granted.sql_guard import Guarded
from tests.support.business import ACME, GLOBEX, TABLES, World, make_world, mentions_a_stranger, world  # noqa: F401


def past_the_guard(world: World, sql: str, kind: str = "select", target: str | None = None) -> object:  # noqa: F811
    statement = Guarded(sql, kind, (), kind == "select" or "RETURNING" in sql, target, ())
    database = world.database
    try:
        return database.for_tenant(ACME)._run(database.prepared(), statement, None).as_objects()
    except HostError as error:
        return error.code, error.message


@pytest.fixture
def walled(world: World) -> World:  # noqa: F811
    """On PostgreSQL with the operator's role and policies; on SQLite the wall is always there."""
    if world.is_sqlite:
        return world
    role = f"wall_{uuid.uuid4().hex}"
    script = row_security_sql(world.database.catalog(), role, world.owner.url.username or "")
    for _ in range(2):  # running it again changes nothing
        with world.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.connection.driver_connection.execute(script)
    world.database.close()
    world.database = BusinessDatabase(world.url, running_call=lambda: None, role=role)
    world.acme = world.database.for_tenant(ACME)
    return world


STEALING = [
    f"SELECT * FROM {prefix}{table}{suffix}"
    for table in TABLES
    for prefix in ("", "main.", "public.")
    for suffix in ("", " ORDER BY id DESC", f" WHERE tenant_id = '{GLOBEX}'")
]


def test_it_hides_other_tenants_from_unguarded_reads(walled: World) -> None:
    for statement in STEALING:
        assert not mentions_a_stranger(past_the_guard(walled, statement)), statement


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {{s}}.clients SET name = 'stolen' WHERE tenant_id = '{GLOBEX}'",
        "UPDATE {s}.clients SET name = 'stolen'",
        f"UPDATE {{s}}.clients SET tenant_id = '{GLOBEX}'",
        f"INSERT INTO {{s}}.clients (tenant_id, name, email) VALUES ('{GLOBEX}', 'x', 'x')",
        f"DELETE FROM {{s}}.payments WHERE tenant_id = '{GLOBEX}'",
        "DELETE FROM {s}.payments",
        "INSERT OR REPLACE INTO {s}.clients (id, tenant_id, name, email) VALUES (7, '" + ACME + "', 'x', 'x')",
        "INSERT INTO {s}.clients (id, tenant_id, name, email) VALUES (7, '" + ACME + "', 'x', 'x') "
        "ON CONFLICT (id) DO UPDATE SET name = 'stolen'",
    ],
)
def test_it_stops_unguarded_writes_to_other_tenants(walled: World, statement: str) -> None:
    before = walled.strangers_rows()
    sql = statement.format(s="main" if walled.is_sqlite else "public")
    past_the_guard(walled, sql, sql.split()[0].lower(), "clients" if "clients" in sql else "payments")
    assert walled.strangers_rows() == before


@pytest.mark.parametrize(
    "statement",
    ["PRAGMA query_only = OFF", "ATTACH ':memory:' AS x", "SELECT * FROM sqlite_master", "CREATE TABLE x (a)", "DROP TABLE clients",
     "SELECT * FROM sqlite_temp_master", "SELECT load_extension('x')", "CREATE TEMP TABLE x (a)", "SELECT last_insert_rowid()"],
)  # fmt: skip
def test_sqlites_authorizer_refuses_what_scripts_have_no_use_for(world: World, statement: str) -> None:  # noqa: F811
    if not world.is_sqlite:
        pytest.skip("PostgreSQL has roles for this")
    for kind in ("select", "update"):
        assert past_the_guard(world, statement, kind, "clients")[0] == "DB_FORBIDDEN"  # type: ignore[index]


def test_sqlite_keeps_its_views_from_a_cte_of_the_same_name(world: World) -> None:  # noqa: F811
    if not world.is_sqlite:
        pytest.skip("about SQLite's authorizer")
    for name in ("orders", "clients"):
        stolen = past_the_guard(world, f"WITH {name} AS (SELECT * FROM main.clients) SELECT * FROM {name}")
        assert stolen == ("DB_FORBIDDEN", "The database does not let scripts do this")


def test_everything_still_works_behind_the_walls(walled: World) -> None:
    made = walled.acme.execute("INSERT INTO clients (name, email) VALUES (?, ?) RETURNING id", ["Oygul", "oygul@x.uz"])
    client = made["rows"][0]["id"]
    assert walled.acme.execute("UPDATE clients SET city = 'Termiz' WHERE id = ?", [client]) == {"rowsAffected": 1}
    assert walled.acme.query("SELECT city FROM clients WHERE id = ?", [client]) == [{"city": "Termiz"}]
    assert walled.acme.execute("DELETE FROM clients WHERE id = ?", [client]) == {"rowsAffected": 1}


def test_on_postgresql_scripts_are_the_operators_role(walled: World) -> None:
    if walled.is_sqlite:
        pytest.skip("SQLite has no roles")
    assert past_the_guard(walled, "SELECT current_user AS u, session_user = current_user AS same")[0]["same"] is False  # type: ignore[index]


def test_no_connection_remembers_the_tenant_before(walled: World) -> None:
    globex = walled.database.for_tenant(GLOBEX)
    for _ in range(3):
        assert walled.acme.query("SELECT DISTINCT tenant_id FROM clients") == [{"tenant_id": ACME}]
        assert globex.query("SELECT DISTINCT tenant_id FROM clients") == [{"tenant_id": GLOBEX}]


# Random statements


@pytest.fixture(scope="module")
def pair(make_world: Callable[..., World]) -> tuple[World, World]:  # noqa: F811
    return make_world(), make_world(alone=True)


TABLE = st.sampled_from(
    [
        *TABLES,
        "CLIENTS",
        '"clients"',
        "public.orders",
        "main.orders",
        "x1",
        "x2",
        '"x1"',
        "(clients)",
        "(orders o JOIN clients c ON true)",
    ]
)
COLUMN = st.sampled_from(
    [
        "id",
        "tenant_id",
        "name",
        "total",
        "status",
        "1",
        "'a'",
        "count(*)",
        "max(id)",
        "a.id",
        "b.id",
        "a.name",
        "*",
        "a.*",
        "NULL",
    ]
)
CONDITION = st.sampled_from(
    [
        "true",
        "1=1 OR 1=1",
        "tenant_id <> 'x'",
        "a.id <> b.id",
        "id > 3",
        "name LIKE '%A%'",
        "NOT false",
        "id IN (1, 7, 8)",
    ]
)


@st.composite
def selects(draw: st.DrawFn, depth: int = 3) -> str:
    def source() -> str:
        if depth and draw(st.integers(0, 2)) == 0:
            return f"({draw(selects(depth - 1))}) AS {draw(st.sampled_from(['a', 'b', 'clients', 'orders']))}"
        return draw(TABLE) + draw(st.sampled_from(["", " AS a", " AS b", " AS orders", " clients"]))

    joins = "".join(
        draw(
            st.sampled_from(
                [", {}", " CROSS JOIN {}", " LEFT JOIN {} ON true", " NATURAL JOIN {}", " JOIN {} USING (id)"]
            )
        ).format(source())
        for _ in range(draw(st.integers(0, 2)))
    )
    columns = ", ".join(draw(st.lists(COLUMN, min_size=1, max_size=3)))
    if depth and draw(st.integers(0, 3)) == 0:
        columns = f"({draw(selects(depth - 1))}) AS s, {columns}"
    where = f" WHERE {draw(CONDITION)}" if draw(st.booleans()) else ""
    if depth and draw(st.integers(0, 3)) == 0:
        where = f" WHERE {draw(st.sampled_from(['EXISTS', 'NOT EXISTS', 'id IN', 'id NOT IN', 'id >']))} ({draw(selects(depth - 1))})"
    body = f"SELECT {columns} FROM {source()}{joins}{where}"
    if depth and draw(st.integers(0, 3)) == 0:
        body += draw(st.sampled_from([" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT "])) + draw(selects(depth - 1))
    if depth and draw(st.integers(0, 2)) == 0:
        names = draw(st.lists(st.sampled_from(["x1", "x2", "clients", "orders", "payments"]), min_size=1, max_size=2))
        parts = ", ".join(f"{name} AS ({draw(selects(depth - 1))})" for name in names)
        body = f"WITH {draw(st.sampled_from(['', 'RECURSIVE ']))}{parts} {body}"
    return body


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(statement=selects())
def test_no_random_select_shows_that_another_tenant_is_there(pair: tuple[World, World], statement: str) -> None:
    results = []
    for each in pair:
        try:
            results.append(sorted(map(str, each.acme.query(f"SELECT * FROM ({statement}) AS result LIMIT 900"))))
        except HostError as error:
            results.append([error.code])
    assert results[0] == results[1] or "DB_TIMEOUT" in str(results)
    assert not mentions_a_stranger(results[0])


def test_the_canaries_are_where_an_unlimited_reader_sees_them(world: World) -> None:  # noqa: F811
    with world.owner.connect() as db:
        for table in TABLES:
            assert mentions_a_stranger(db.execute(text(f"SELECT * FROM {table}")).fetchall())  # noqa: S608
