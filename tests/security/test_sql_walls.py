"""The second walls stand alone: statements go to the database as an attacker would want them, past the guard."""

import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from runtime.errors import HostError
from services.granted.business_db import BusinessDatabase
from services.granted.business_link import DbLimits
from services.granted.row_security import row_security_sql
from services.granted.sql_guard import Guarded
from tests.support.business import ACME, GLOBEX, TABLES, World, mentions_a_stranger


def past_the_guard(world: World, sql: str, kind: str = "select", target: str | None = None) -> object:
    statement = Guarded(sql, kind, (), kind == "select" or "RETURNING" in sql, target, ())
    database = world.database
    try:
        return database.for_tenant(ACME)._run(database.prepared(), statement, None).as_objects()
    except HostError as error:
        return error.code, error.message


@pytest.fixture
def walled(world: World) -> World:
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
def test_sqlites_authorizer_refuses_what_scripts_have_no_use_for(world: World, statement: str) -> None:
    if not world.is_sqlite:
        pytest.skip("PostgreSQL has roles for this")
    for kind in ("select", "update"):
        assert past_the_guard(world, statement, kind, "clients")[0] == "DB_FORBIDDEN"  # type: ignore[index]


def test_sqlite_keeps_its_views_from_a_cte_of_the_same_name(world: World) -> None:
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
def pair(make_lasting_world: Callable[..., World]) -> tuple[World, World]:
    """A drawn join of joins may be without end: nothing is seen of it but that it was stopped, which need not take long."""
    soon = DbLimits(seconds=1)
    return make_lasting_world(limits=soon), make_lasting_world(alone=True, limits=soon)


LABELS = {"clients": "name", "products": "name", "orders": "status", "payments": "method"}
CTE_NAMES = st.sampled_from(["x", "clients", "orders", "payments", '"products"', "Clients"])
CONDITIONS = st.sampled_from([
    "true", "1 = 1 OR 1 = 1", "{a}.tenant_id <> 'x'", "{a}.id > 3", "{a}.{l} LIKE '%A%'", "{a}.id IN (1, 7, 8)", "NOT {a}.id = 2",
    "{a}.tenant_id = '" + GLOBEX + "' OR true", "{a}.id <> {b}.id",
])  # fmt: skip


@st.composite
def selects(draw: st.DrawFn, depth: int = 3, scope: dict[str, str] = LABELS) -> str:
    """A SELECT of id, tenant_id and label, out of tables, CTEs that shadow them, subqueries and each other."""
    clause = ""
    if depth and draw(st.integers(0, 2)) == 0:
        names = draw(st.lists(CTE_NAMES, min_size=1, max_size=2, unique_by=lambda name: name.strip('"').lower()))
        inner = dict(scope)
        parts = []
        for name in names:
            parts.append(f"{name} AS ({draw(selects(depth - 1, dict(inner)))})")
            inner[name.strip('"').lower()] = "label"
        clause, scope = f"WITH {', '.join(parts)} ", inner
    body = draw(_core(depth, scope))
    if depth and draw(st.integers(0, 3)) == 0:
        body += draw(st.sampled_from([" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT "])) + draw(
            _core(depth - 1, scope)
        )
    return clause + body


@st.composite
def _core(draw: st.DrawFn, depth: int, scope: dict[str, str]) -> str:
    sources = [draw(_source(depth, scope)) for _ in range(draw(st.integers(1, 2)))]
    joined, aliases = "", []
    for number, (text_of, label) in enumerate(sources):
        alias = draw(st.sampled_from(["a", "clients", "x"])) + str(number)
        aliases.append((alias, label))
        join = draw(st.sampled_from([" CROSS JOIN ", ", ", " JOIN "])) if number else ""
        joined += f"{join}{text_of} AS {alias}" + (" ON true" if join == " JOIN " else "")
    (a, label), (b, _) = aliases[0], aliases[-1]
    shown = f"{a}.{label}"
    if depth and draw(st.integers(0, 3)) == 0:
        function = draw(st.sampled_from(["max(s.label)", "min(s.tenant_id)", "CAST(count(*) AS text)"]))
        shown = f"(SELECT {function} FROM ({draw(selects(depth - 1, scope))}) AS s)"
    where = draw(CONDITIONS).format(a=a, b=b, l=label)
    if depth and draw(st.integers(0, 3)) == 0:
        test = draw(st.sampled_from(["EXISTS ({})", f"{a}.id IN (SELECT i.id FROM ({{}}) AS i)"]))
        where += " AND " + test.format(draw(selects(depth - 1, scope)))
    return f"SELECT {a}.id AS id, {b}.tenant_id AS tenant_id, {shown} AS label FROM {joined} WHERE {where}"


@st.composite
def _source(draw: st.DrawFn, depth: int, scope: dict[str, str]) -> tuple[str, str]:
    if depth and draw(st.integers(0, 2)) == 0:
        return f"({draw(selects(depth - 1, scope))})", "label"
    name = draw(st.sampled_from(sorted(scope)))
    spelling = draw(st.sampled_from(["{}", "{}", '"{}"', "@.{}"]))
    return spelling.format(name), LABELS.get(name, "label") if "." in spelling else scope[name]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(statement=selects())
def test_no_random_select_shows_that_another_tenant_is_there(pair: tuple[World, World], statement: str) -> None:
    results: list[list[str]] = []
    for each in pair:
        spelled = statement.replace("@.", "main." if each.is_sqlite else "public.")
        try:
            results.append(
                sorted(map(str, each.acme.query(f"SELECT * FROM ({spelled}) AS result ORDER BY 1, 2, 3 LIMIT 500")))
            )
        except HostError as error:
            results.append([error.code])
    assert results[0] == results[1] or "DB_TIMEOUT" in str(results)
    assert not mentions_a_stranger(results[0])


def test_the_canaries_are_where_an_unlimited_reader_sees_them(world: World) -> None:
    with world.owner.connect() as db:
        for table in TABLES:
            assert mentions_a_stranger(db.execute(text(f"SELECT * FROM {table}")).fetchall())
