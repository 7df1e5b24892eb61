"""sdk.db's grant, used as a run uses it: queries, changes, transactions, limits, values."""

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from runtime.errors import HostError
from services.granted import business_postgres
from services.granted.business_db import BusinessDatabase
from services.granted.business_link import DbLimits
from services.granted.demo_business import create_demo_business
from tests.support.business import ACME, GLOBEX, TABLES, World

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n"


class Call:
    """A running script, as the runtime describes it."""

    def __init__(self, seconds: float = 60) -> None:
        self.ends_at = time.monotonic() + seconds
        self.cancelled = threading.Event()

    def remaining(self) -> float:
        return max(0.0, self.ends_at - time.monotonic())


def refused(work: Callable[..., Any], *args: Any) -> HostError:
    with pytest.raises(HostError) as error:
        work(*args)
    return error.value


def open_transactions(world: World) -> int:
    """On PostgreSQL what the server says; on SQLite whether somebody holds the write lock."""
    with world.owner.connect() as db:
        if world.is_sqlite:
            db.exec_driver_sql("PRAGMA busy_timeout = 0")
            db.exec_driver_sql("BEGIN IMMEDIATE")
            db.exec_driver_sql("ROLLBACK")
            return 0
        return db.scalar(text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND state LIKE 'idle in transaction%' OR state = 'active' AND application_name = 'dastgoh scripts' "
            "AND datname = current_database()")) or 0  # fmt: skip


# Queries and changes


def test_the_demo_has_rows_of_both_companies_and_can_be_made_again(world: World) -> None:
    before = {table: world.rows_of_all(table) for table in TABLES}
    create_demo_business(world.url, {"acme": ACME, "globex": GLOBEX})
    assert {table: world.rows_of_all(table) for table in TABLES} == before
    assert all(before.values())
    for tenant in (ACME, GLOBEX):
        for table in TABLES:
            [row] = world.database.for_tenant(tenant).query(f"SELECT count(*) AS n FROM {table}")
            assert 3 <= row["n"] < before[table]


def test_it_answers_the_queries_people_write(world: World) -> None:
    db = world.acme
    best = db.query(
        "SELECT c.name, count(*) AS orders, sum(o.total) AS total FROM orders o JOIN clients c ON c.id = o.client_id "
        "WHERE o.status <> :status GROUP BY c.name HAVING count(*) > 1 ORDER BY total DESC, c.name LIMIT 3",
        {"status": "cancelled"},
    )
    assert [list(row) for row in best] == [["name", "orders", "total"]] * 3
    ranked = db.query(
        "WITH paid AS (SELECT client_id, total FROM orders WHERE status = 'paid') "
        "SELECT client_id, total, rank() OVER (PARTITION BY client_id ORDER BY total DESC) AS place FROM paid ORDER BY 1, 3"
    )
    assert ranked[0]["place"] == 1
    unpaid = db.query("SELECT id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id)")
    assert len(unpaid) == 8
    both = db.query("SELECT name FROM clients UNION ALL SELECT name FROM products ORDER BY name LIMIT 4 OFFSET 1")
    assert len(both) == 4
    assert db.query("SELECT CASE WHEN 1 = 1 THEN 'yes' ELSE 'no' END AS answer, coalesce(NULL, 2) AS two") == [
        {"answer": "yes", "two": 2}
    ]
    assert db.query("SELECT name FROM clients WHERE false") == []


def test_postgresql_takes_its_own_way_to_write_things(world: World) -> None:
    if world.is_sqlite:
        pytest.skip("about PostgreSQL's syntax")
    assert world.acme.query("SELECT ?::int + 1 AS a, ~ -1 AS b, - ~ -2 AS c, 'x' || ?::text AS d", [1, "y"]) == [
        {"a": 2, "b": 0, "c": -1, "d": "xy"}
    ]


def test_results_are_called_what_the_author_called_them(world: World) -> None:
    [row] = world.acme.query("SELECT max(total), o.status FROM orders o GROUP BY o.status LIMIT 1")
    assert list(row) == (["max(total)", "status"] if world.is_sqlite else ["max", "status"])


def test_it_adds_changes_and_removes_own_rows(world: World) -> None:
    db = world.acme
    made = db.execute(
        "INSERT INTO clients (name, email) VALUES ($1, $2), ($3, $2 || '2') RETURNING id, name, tenant_id",
        ["A", "a@x", "B"],
    )
    assert made["rowsAffected"] == 2
    assert [(row["name"], row["tenant_id"]) for row in made["rows"]] == [("A", ACME), ("B", ACME)]
    first = made["rows"][0]["id"]
    assert db.execute("UPDATE clients SET name = ?, city = DEFAULT WHERE id = ?" if not world.is_sqlite else
                      "UPDATE clients SET name = ? WHERE id = ?", ["C", first]) == {"rowsAffected": 1}  # fmt: skip
    assert db.execute(
        "INSERT INTO clients (name, email) VALUES ('D', 'a@x') ON CONFLICT (tenant_id, email) DO UPDATE SET name = excluded.name "
        "RETURNING name"
    ) == {"rowsAffected": 1, "rows": [{"name": "D"}]}
    copied = db.execute(
        "INSERT INTO clients (name, email) SELECT 'x', email || '-copy' FROM clients WHERE id = ?", [first]
    )
    assert copied == {"rowsAffected": 1}
    assert db.execute("DELETE FROM clients WHERE email LIKE 'a@x%' RETURNING name")["rowsAffected"] == 3
    assert db.execute("UPDATE orders SET status = c.city FROM clients c WHERE c.id = orders.client_id") == {
        "rowsAffected": 24
    }


def test_changes_are_there_for_the_next_run(world: World) -> None:
    world.acme.execute("UPDATE products SET stock = 1")
    world.acme.close()
    assert world.database.for_tenant(ACME).query("SELECT DISTINCT stock FROM products") == [{"stock": 1}]


LONG = "a" * 1_000_000
SEARCHES = [
    ("SELECT instr(?, ?) AS x", [LONG, "a" * 500_000 + "b"]),
    ("SELECT length(replace(?, ?, '')) AS x", [LONG, "a" * 500_000 + "b"]),
    ("SELECT length(trim(?, ?)) AS x", ["b" * 400_000, "a" * 300_000 + "b"]),
    ("SELECT length(json_patch(?, ?)) AS x", [json.dumps(dict.fromkeys(map(str, range(60_000)))),
                                              json.dumps(dict.fromkeys(map(str, range(100_000, 160_000))))]),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "params"), SEARCHES, ids=["instr", "replace", "trim", "json_patch"])
def test_sqlite_is_not_kept_busy_within_one_function(world: World, statement: str, params: list[str]) -> None:
    """They compare everything with everything, and no deadline interrupts a function."""
    if not world.is_sqlite:
        pytest.skip("PostgreSQL has processes of its own")
    began = time.monotonic()
    assert refused(world.acme.query, statement, params).code == "DB_ROW_LIMIT"
    assert time.monotonic() - began < 3


def test_short_needles_are_found_as_ever(world: World) -> None:
    if not world.is_sqlite:
        pytest.skip("about SQLite's functions")
    [row] = world.acme.query(
        "SELECT instr('abc', 'c') AS a, instr('abc', NULL) AS b, instr(12345, 34) AS c, replace('a-b', '-', '+') AS d, "
        "trim('xax', 'x') AS e, trim(' a ') AS f, json_patch('{}', '{\"a\":1}') AS g, instr(name, lower('Z')) AS \"h\" "
        "FROM clients WHERE name = 'Aziza Karimova'"
    )
    assert list(row.values()) == [3, None, 3, "a+b", "a", "a", '{"a":1}', 2]


def test_a_statement_that_fails_changes_nothing(world: World) -> None:
    error = refused(world.acme.execute, "INSERT INTO clients (name, email) VALUES ('a', 'z@x'), ('b', 'z@x')")
    assert error.code == "DB_FAILED"
    assert world.acme.query("SELECT 1 AS x FROM clients WHERE email = 'z@x'") == []


@pytest.mark.parametrize(
    ("statement", "params", "names"),
    [
        ("SELECT ? AS a, ? AS b", [1], "number 2"),
        ("SELECT ? AS a", [1, 2], "number 2"),
        ("SELECT :a AS a, :b AS b", {"a": 1}, ":b"),
        ("SELECT :a AS a", {"a": 1, "c": 1}, ":c"),
        ("SELECT :a AS a", [1], ":a"),
        ("SELECT ? AS a, :b AS b", [1], ":name"),
        ("SELECT $3 AS a", [1, 2, 3], "number 1"),
        ("SELECT ? AS a", ["\x00"], "number 1"),
        ("SELECT ? AS a", ["\ud800"], "number 1"),
        ("SELECT ? AS a", [2**70], "64 bits"),
        ("SELECT ? AS a", [{"$bytes": "no base64!"}], "base64"),
        ("SELECT ? AS a", "text", "array"),
        ("SELECT ? AS a", [1] * 600, "500"),
    ],
)
def test_it_says_which_parameter_is_wrong(world: World, statement: str, params: Any, names: str) -> None:
    error = refused(world.acme.query, statement, params)
    assert error.code == "INVALID_INPUT"
    assert names in error.message


def test_positions_follow_the_text_wherever_a_parameter_stands(world: World) -> None:
    rows = world.acme.query(
        "WITH x AS (SELECT ? AS a) SELECT (SELECT a FROM x) AS a, ? AS b FROM clients WHERE id > ? ORDER BY id LIMIT ? OFFSET ?",
        ["one", "two", 0, 1, 0],
    )
    assert rows == [{"a": "one", "b": "two"}]


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [
        ("SELECT * FROM nowhere", "DB_FORBIDDEN", "clients, orders, payments, products"),
        ("SELECT nothing FROM clients", "DB_FAILED", "nothing"),
        ("SELECT * FROM clients WHERE (id = 1", "DB_FAILED", "line 1, column"),
        ("SELECT 'open", "DB_FAILED", "not closed"),
        ("SELECT a.id, b.id FROM clients a, clients b", "INVALID_INPUT", "id"),
        ("UPDATE clients SET name = 'x'", "DB_FORBIDDEN", "sdk.db.execute"),
        ("SELECT pg_sleep(1)", "DB_FORBIDDEN", "pg_sleep"),
        ("DROP TABLE clients", "DB_FORBIDDEN", "DROP"),
    ],
)
def test_errors_say_what_to_change(world: World, statement: str, code: str, words: str) -> None:
    error = refused(world.acme.query, statement)
    assert (error.code, error.retryable) == (code, False)
    assert words in error.message


def test_denied_tables_and_tables_without_the_tenant_column_are_not_there(make_world: Callable[..., World]) -> None:
    world = make_world(denied_tables=["payments"])
    world.run("CREATE TABLE everyones (id integer, note text)")
    for table in ("payments", "everyones"):
        assert refused(world.acme.query, f"SELECT * FROM {table}").code == "DB_FORBIDDEN"


def test_a_table_made_later_is_found(world: World) -> None:
    world.acme.query("SELECT 1 AS x")
    world.run("CREATE TABLE notes (id integer PRIMARY KEY, tenant_id varchar(36) NOT NULL, body text)")
    time.sleep(2.1)  # the catalog is read again at most every two seconds
    world.acme.execute("INSERT INTO notes (id, body) VALUES (1, 'salom')")
    assert world.acme.query("SELECT body FROM notes") == [{"body": "salom"}]
    assert world.database.for_tenant(GLOBEX).query("SELECT body FROM notes") == []


def test_a_tenant_can_be_a_number(world: World) -> None:
    world.run("CREATE TABLE shops (id integer PRIMARY KEY, company integer NOT NULL, city text)")
    world.run("INSERT INTO shops VALUES (1, 1, 'Xiva'), (2, 2, 'Nukus')")
    other = type(world.database)(world.url, "company", running_call=lambda: None)
    assert other.for_tenant(2).query("SELECT city FROM shops") == [{"city": "Nukus"}]
    assert other.for_tenant(1).execute("INSERT INTO shops (id, city) VALUES (3, 'Buxoro')") == {"rowsAffected": 1}
    other.close()


# Limits


def test_it_stops_at_a_thousand_rows(world: World) -> None:
    series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"
    assert len(world.acme.query(series.format(1000))) == 1000
    error = refused(world.acme.query, series.format(1001))
    assert error.code == "DB_ROW_LIMIT"
    assert "LIMIT" in error.message


def test_too_many_returned_rows_undo_the_change(make_world: Callable[..., World]) -> None:
    world = make_world(limits=DbLimits(rows=5))
    assert refused(world.acme.execute, "DELETE FROM payments RETURNING id").code == "DB_ROW_LIMIT"
    assert world.acme.query("SELECT count(*) AS n FROM payments") == [{"n": 16}]


def test_it_stops_at_too_many_bytes(world: World) -> None:
    error = refused(world.acme.query, "SELECT ? AS page FROM orders", ["y" * 900_000])
    assert error.code == "DB_ROW_LIMIT"


def test_a_single_huge_value_never_arrives(world: World) -> None:
    doubling = (
        "WITH RECURSIVE d(s, n) AS (SELECT 'xxxxxxxxxx', 1 UNION ALL SELECT s || s, n + 1 FROM d WHERE n < 24) "
        "SELECT s FROM d ORDER BY n DESC LIMIT 1"
    )
    assert refused(world.acme.query, doubling).code in ("DB_ROW_LIMIT", "DB_TIMEOUT")


def test_it_ends_a_statement_that_takes_too_long(make_world: Callable[..., World]) -> None:
    world = make_world(limits=DbLimits(seconds=0.5))
    started = time.monotonic()
    error = refused(world.acme.query, ENDLESS)
    assert (error.code, error.retryable) == ("DB_TIMEOUT", True)
    assert time.monotonic() - started < 5
    assert world.acme.query("SELECT 1 AS x") == [{"x": 1}]
    assert open_transactions(world) == 0


def test_it_ends_with_the_run(make_world: Callable[..., World]) -> None:
    call = Call(seconds=0.5)
    world = make_world(running_call=lambda: call)
    assert refused(world.acme.query, ENDLESS).code == "DB_TIMEOUT"
    assert open_transactions(world) == 0


def test_it_ends_when_the_run_is_cancelled(make_world: Callable[..., World]) -> None:
    call = Call()
    world = make_world(running_call=lambda: call)
    timer = threading.Timer(0.3, call.cancelled.set)
    timer.start()
    started = time.monotonic()
    assert refused(world.acme.query, ENDLESS).code in ("CANCELLED", "DB_TIMEOUT")
    assert time.monotonic() - started < 4
    assert open_transactions(world) == 0


def test_more_callers_than_connections_take_turns(make_world: Callable[..., World]) -> None:
    world = make_world(limits=DbLimits(connections=2))
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(world.acme.query("SELECT count(*) AS n FROM orders")))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [[{"n": 24}]] * 12


# Transactions


def test_a_transaction_is_seen_by_others_only_after_commit(world: World) -> None:
    db = world.acme
    tx = db.begin()
    assert db.tx_execute(tx, "UPDATE products SET stock = 5") == {"rowsAffected": 4}
    assert db.tx_query(tx, "SELECT DISTINCT stock FROM products") == [{"stock": 5}]
    assert len(db.query("SELECT DISTINCT stock FROM products")) == 4
    db.commit(tx)
    assert db.query("SELECT DISTINCT stock FROM products") == [{"stock": 5}]
    assert open_transactions(world) == 0


def test_rollback_leaves_everything_as_it_was(world: World) -> None:
    tx = world.acme.begin()
    world.acme.tx_execute(tx, "DELETE FROM payments")
    world.acme.rollback(tx)
    assert world.acme.query("SELECT count(*) AS n FROM payments") == [{"n": 16}]
    assert refused(world.acme.tx_query, tx, "SELECT 1 AS x").code == "INVALID_INPUT"


def test_a_failed_statement_undoes_only_itself(world: World) -> None:
    db = world.acme
    tx = db.begin()
    db.tx_execute(tx, "UPDATE products SET stock = 6")
    assert refused(db.tx_execute, tx, "INSERT INTO clients (name, email) VALUES ('a', NULL)").code == "DB_FAILED"
    db.tx_execute(tx, "UPDATE products SET name = 'x'")
    db.commit(tx)
    assert db.query("SELECT DISTINCT stock, name FROM products") == [{"stock": 6, "name": "x"}]


def test_transactions_do_not_nest(world: World) -> None:
    db = world.acme
    tx = db.begin()
    error = refused(db.begin)
    assert (error.code, "nested" in error.message) == ("DB_FORBIDDEN", True)
    assert "through it" in refused(db.execute, "UPDATE products SET stock = 0").message
    db.rollback(tx)
    db.rollback(db.begin())


def test_the_tenant_holds_inside_transactions(world: World) -> None:
    before = world.strangers_rows()
    tx = world.acme.begin()
    world.acme.tx_execute(tx, "UPDATE clients SET name = 'x'")
    assert world.acme.tx_query(tx, "SELECT DISTINCT tenant_id FROM clients") == [{"tenant_id": ACME}]
    world.acme.commit(tx)
    assert world.strangers_rows() == before


def test_the_end_of_a_run_rolls_back_what_it_left_open(world: World) -> None:
    tx = world.acme.begin()
    world.acme.tx_execute(tx, "DELETE FROM payments")
    world.acme.close()
    assert open_transactions(world) == 0
    assert world.database.for_tenant(ACME).query("SELECT count(*) AS n FROM payments") == [{"n": 16}]
    assert refused(world.acme.query, "SELECT 1 AS x").code == "CANCELLED"


def test_the_end_of_a_run_interrupts_a_statement_of_its_transaction(world: World) -> None:
    tx = world.acme.begin()
    timer = threading.Timer(0.5, world.acme.close)
    timer.start()
    started = time.monotonic()
    refused(world.acme.tx_query, tx, ENDLESS)
    timer.join(10)
    assert time.monotonic() - started < 4.5
    assert open_transactions(world) == 0


def test_a_transaction_ends_by_itself_when_it_takes_too_long(make_world: Callable[..., World]) -> None:
    world = make_world(limits=DbLimits(transaction_seconds=0.4))
    tx = world.acme.begin()
    world.acme.tx_execute(tx, "DELETE FROM payments")
    time.sleep(1)
    assert open_transactions(world) == 0
    assert refused(world.acme.tx_query, tx, "SELECT 1 AS x").code == "DB_TIMEOUT"
    assert world.acme.query("SELECT count(*) AS n FROM payments") == [{"n": 16}]


def test_a_row_locked_by_another_run_is_waited_for_and_then_given_up(make_world: Callable[..., World]) -> None:
    world = make_world(limits=DbLimits(seconds=0.7))
    other = world.database.for_tenant(ACME)
    tx = other.begin()
    other.tx_execute(tx, "UPDATE products SET stock = 1")
    error = refused(world.acme.execute, "UPDATE products SET stock = 2")
    assert (error.code, error.retryable) == ("DB_TIMEOUT", True)
    other.close()
    assert world.acme.execute("UPDATE products SET stock = 2") == {"rowsAffected": 4}


def test_a_database_that_is_gone_is_a_coded_error(make_world: Callable[..., World]) -> None:
    world = make_world()
    url = world.url + "-gone" if not world.is_sqlite else world.url.replace("business.db", "gone/business.db")
    lost = type(world.database)(url, running_call=lambda: None).for_tenant(ACME)
    error = refused(lost.query, "SELECT 1 AS x")
    assert (error.code, error.retryable) == ("DB_FAILED", True)
    assert "/" not in error.message


# Values


def test_numbers_are_numbers_while_javascript_holds_them_exactly(world: World) -> None:
    [row] = world.acme.query(
        "SELECT 9007199254740991 AS safe, 9007199254740993 AS big, -9007199254740993 AS low, 1.5 AS half"
    )
    assert row == {"safe": 9007199254740991, "big": "9007199254740993", "low": "-9007199254740993", "half": 1.5}


def test_bytes_go_and_come_as_base64(world: World) -> None:
    kind = "blob" if world.is_sqlite else "bytea"
    assert world.acme.query(f"SELECT CAST(? AS {kind}) AS b", [{"$bytes": "AP8="}]) == [{"b": {"$bytes": "AP8="}}]


def test_postgresql_types_come_through_without_loss(world: World) -> None:
    if world.is_sqlite:
        pytest.skip("about PostgreSQL")
    cases = {
        "CAST('12.50' AS numeric)": 12.5,
        "CAST('0.1234567890123456789' AS numeric)": "0.1234567890123456789",
        "CAST('NaN' AS double precision)": "NaN",
        "CAST('Infinity' AS double precision)": "Infinity",
        "CAST('2026-11-21' AS date)": "2026-11-21",
        "CAST('2026-11-21 12:30:00.25+05' AS timestamptz)": "2026-11-21T07:30:00.25Z",
        "CAST('2026-11-21 12:30:00' AS timestamp)": "2026-11-21T12:30:00",
        "CAST('12:30' AS time)": "12:30:00",
        "interval '1 day 2 hours'": "P1DT2H",
        "1 = 1": True,
        "CAST('{\"a\": [1, 12345678901234567890, 0.1]}' AS jsonb)": {"a": [1, "12345678901234567890", 0.1]},
        "CAST('6f8e6c1e-0000-4000-8000-000000000001' AS uuid)": "6f8e6c1e-0000-4000-8000-000000000001",
        "ARRAY[1, 2, NULL]": [1, 2, None],
        "ARRAY[ARRAY['a'], ARRAY['b']]": [["a"], ["b"]],
        "CAST('infinity' AS date)": "infinity",
        "CAST('192.168.0.1' AS inet)": "192.168.0.1",
    }
    for expression, expected in cases.items():
        assert world.acme.query(f"SELECT {expression} AS v") == [{"v": expected}], expression


def test_postgresql_takes_arrays_and_objects(world: World) -> None:
    if world.is_sqlite:
        error = refused(world.acme.query, "SELECT ? AS a", [[1]])
        assert (error.code, "json_each" in error.message) == ("INVALID_INPUT", True)
        return
    [first] = world.acme.query("SELECT min(id) AS id FROM clients")
    assert world.acme.query("SELECT id FROM clients WHERE id = ANY(?)", [[first["id"], 9999]]) == [first]
    assert world.acme.query("SELECT CAST(? AS jsonb) ->> 'a' AS a", [{"a": "b"}]) == [{"a": "b"}]


def test_a_server_that_never_answers_keeps_nobody_waiting_behind_others(
    monkeypatch: pytest.MonkeyPatch, side_by_side: Callable[..., list[Any]]
) -> None:
    monkeypatch.setattr(business_postgres, "_CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        database = BusinessDatabase(f"postgresql://a@127.0.0.1:{deaf.getsockname()[1]}/b", running_call=lambda: None)
        began = time.monotonic()
        errors = side_by_side(*[lambda: refused(database.for_tenant(ACME).query, "SELECT 1 AS x").code] * 8)
        assert errors == ["DB_FAILED"] * 8
        assert time.monotonic() - began < 10


def test_a_connection_that_the_server_ended_is_replaced_before_it_is_lent(world: World) -> None:
    """As by a restart while nobody used it."""
    if world.is_sqlite:
        pytest.skip("a file has no connections to end")
    [before] = world.acme.query("SELECT count(*) AS n FROM clients")
    world.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'dastgoh scripts'"
    )
    assert world.acme.query("SELECT count(*) AS n FROM clients") == [before]
