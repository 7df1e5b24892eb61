"""Pages, with a busy script behind them: server time of each route, and the way from Execute to a result on the screen.

What stands at the top was measured on SQLite; the same on PostgreSQL stands under its name.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from flask import Flask
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import insert, select
from werkzeug.serving import make_server

from bench import percentiles
from bench._stage import postgres, stage
from models import Execution, Script, ScriptText, ScriptVersion, Tenant, User, db
from models.base import utcnow
from models.ids import uuid7
from models.tenancy import as_system, as_tenant
from services import accounts, demo, process, script_lists, scripts
from services.identity import Principal
from services.script_lists import Filters
from services.scripts import Changes
from tests.support.http import Browser
from tools.setup.browser import find_chromium

DEVELOPMENT = {"LOG_LEVEL": "ERROR", "SECRET_KEY": ""}  # only there is the demo's data
PARTS = {"sqlite", "postgresql"}
ROUNDS = 25
VERSIONS, RUNS, SCRIPTS = 1_000, 100_000, 10_000
CHUNK = 5_000
SOURCE = "console.log('begun'); return { total: (context.input ?? { n: 20 }).n * 2 };\n"
# Milliseconds from the navigation to the first frame with the editor's lines in it.
WATCH_THE_EDITOR = """new MutationObserver((_, observer) => {
  if (!document.querySelector('[data-editor] .view-line span')) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now(); }));
}).observe(document, { childList: true, subtree: true });"""
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


def measure(parts: Sequence[str] = ("sqlite", "postgresql")) -> dict[str, object]:
    result: dict[str, object] = {}
    if "sqlite" in parts:
        result |= _on(None)
    if "postgresql" in parts:
        with postgres() as url:
            result["postgresql"] = _on(url)
    return result


def _on(database_url: str | None) -> dict[str, object]:
    with stage(database_url, DEVELOPMENT) as there:
        app = there.app
        with app.app_context():
            script_id = _fill(app)
            list_ms = _listed()
        browser = Browser(app)
        browser.post("/sign-in", email="admin@acme.test", password=demo.PASSWORD)
        result: dict[str, object] = {"hello_ms": _timed(Browser(app), "/sign-in"), "list_query_ms": list_ms}
        for name, path in _pages(app, script_id).items():
            result[name] = _timed(browser, path, FRAGMENT if name.endswith("_fragment") else {})
        result["script_page_ms"] = result["scripts.show"]
        result |= _on_the_screen(app, script_id)
        process.close(app)
        return result


def _listed() -> dict[str, float]:
    """What the list of scripts asks of the database, in each of its orders."""
    author, times = _admin(), []
    with as_tenant(db.session, author.tenant.id):  # type: ignore[union-attr]  # the demo's admin has a tenant
        for sort in (*script_lists.SORTS, *script_lists.SORTS):
            for filters in (Filters(), Filters(words="context"), Filters(tag="tag 7")):
                began = time.perf_counter()
                script_lists.page(author, filters, sort)
                db.session.commit()
                times.append((time.perf_counter() - began) * 1000)
    return percentiles(times[len(times) // 2 :])


def _pages(app: Flask, script_id: UUID) -> dict[str, str]:
    """Every page without parameters that a signed-in admin may open, and those of the busy script."""
    plain = {
        rule.endpoint: rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and not rule.rule.startswith(("/api/", "/dev/", "/static"))
        and rule.endpoint.endswith((".index", ".new", ".show"))
        and not rule.endpoint.startswith("tenants.")
    }  # fmt: skip
    script = f"/scripts/{script_id}"
    return plain | {
        "scripts.show": script,
        "scripts.numbers_fragment": f"{script}/numbers",
        "run_list.of_script_fragment": f"{script}/executions",
        "versions.index": f"{script}/versions",
        "versions.compare": f"{script}/compare",
        "run_list.failures": "/executions?view=failures",
        "script_list.search": "/scripts?words=context",
    }


def _timed(browser: Browser, path: str, headers: dict[str, str] | None = None) -> dict[str, float]:
    for _ in range(3):
        answer = browser.get(path, headers=headers or {})
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}")
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        browser.get(path, headers=headers or {})
        times.append((time.perf_counter() - began) * 1000)
    return percentiles(times)


def _on_the_screen(app: Flask, script_id: UUID) -> dict[str, dict[str, float]]:
    """In a real browser: from opening the page to an editor one can type in, and from Ctrl+Enter to the result."""
    with _served(app) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = chromium.new_page()
        page.goto(f"{address}/sign-in")
        page.fill("input[name=email]", "admin@acme.test")
        page.fill("input[name=password]", demo.PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{address}/")
        page.add_init_script(WATCH_THE_EDITOR)
        painted = [_opened(page, f"{address}/scripts/{script_id}") for _ in range(ROUNDS // 2)]
        page.wait_for_load_state("networkidle")
        times = [_one_run(page) for _ in range(ROUNDS)]
        chromium.close()
    return {"editor_painted_ms": percentiles(painted[2:]), "execute_to_result_ms": percentiles(times[3:])}


def _opened(page: Page, address: str) -> float:
    page.goto(address)
    page.wait_for_function("() => window.painted")
    painted: float = page.evaluate("window.painted")
    return painted


def _one_run(page: Page) -> float:
    before = page.evaluate("document.querySelector('[data-run]')?.dataset.run ?? ''")
    began = time.perf_counter()
    page.keyboard.press("Control+Enter")
    while not page.evaluate(
        "before => { const run = document.querySelector('[data-run]');"
        " return !!run && run.dataset.run !== before && run.dataset.status === 'succeeded' }", before
    ):  # fmt: skip
        time.sleep(0.002)
    return (time.perf_counter() - began) * 1000


@contextmanager
def _served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def _fill(app: Flask) -> UUID:
    demo.seed()
    author = _admin()
    with as_tenant(db.session, author.tenant.id):  # type: ignore[union-attr]  # the demo's admin has a tenant
        script = scripts.create(author, Changes(name="A busy script", source=SOURCE))
        tenant_id = script.tenant_id
        _insert(Script, _further_scripts(tenant_id))
        _insert(ScriptText, [{"tenant_id": tenant_id, "script_id": id_, "text": f"script {n} {SOURCE}"}
                             for n, id_ in enumerate(db.session.scalars(select(Script.id)).all()) if id_ != script.id])  # fmt: skip
        _insert(ScriptVersion, [_version(script, number) for number in range(2, VERSIONS + 1)])
        _insert(Execution, [_run(script, number) for number in range(RUNS)])
        script.version = VERSIONS
        db.session.commit()
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return script.id


def _admin() -> Principal:
    with as_system(db.session):
        tenant = db.session.scalars(Tenant.by_slug("acme")).one()
        admin = db.session.scalars(select(User).where(User.email == "admin@acme.test")).one()
    principal = accounts.load(admin.id, admin.session_epoch, tenant.id)
    assert principal is not None
    return principal


def _insert(model: type, rows: list[dict[str, object]]) -> None:
    for start in range(0, len(rows), CHUNK):
        db.session.execute(insert(model), rows[start : start + CHUNK])
    db.session.commit()


def _further_scripts(tenant_id: UUID) -> list[dict[str, object]]:
    return [{"id": uuid7(), "tenant_id": tenant_id, "name": f"Script {n}", "name_key": f"script {n}", "source": SOURCE,
             "tags": [f"tag {n % 20}"]} for n in range(SCRIPTS)]  # fmt: skip


def _version(script: Script, number: int) -> dict[str, object]:
    source = f"// {number}\n{SOURCE}"
    return {"id": uuid7(), "tenant_id": script.tenant_id, "script_id": script.id, "number": number, "source": source,
            "source_hash": hashlib.sha256(source.encode()).hexdigest(), "lines_added": 1, "lines_removed": 1}  # fmt: skip


def _run(script: Script, number: int) -> dict[str, object]:
    at, failed = utcnow() - timedelta(seconds=30 * number), number % 40 == 7
    return {"id": uuid7(), "tenant_id": script.tenant_id, "script_id": script.id, "version_number": VERSIONS - number % 50,
            "trigger": "event", "status": "failed" if failed else "succeeded", "run_ms": number % 400, "created_at": at,
            "started_at": at, "finished_at": at, "error_code": "RUNTIME_ERROR" if failed else None,
            "error_message": "it failed" if failed else "", "error_frame": f"at {number % 3}:1" if failed else ""}  # fmt: skip
