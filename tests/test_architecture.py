"""Which way imports point (see the picture in CONTRIBUTING.md). A wrong arrow fails here, with its file and line."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("blueprints", "services", "models", "runtime", "jobs")

# room -> what it must not import
FORBIDDEN = {
    "runtime": ("flask", "sqlalchemy", "redis", "rq", "models", "services", "blueprints", "jobs", "app", "settings"),
    "models": ("services", "blueprints", "jobs", "runtime", "app", "settings", "redis", "rq"),
    "services": ("blueprints", "jobs", "app", "flask_login", "flask_wtf", "wtforms", "jinja2"),
    "blueprints": ("runtime", "rq", "redis", "jobs", "app"),
    "jobs": ("blueprints", "app"),
}
# What several blueprints share is no noun of its own, and may be imported by them.
SHARED_BY_BLUEPRINTS = {
    "api",
    "days",
    "assets",
    "error_texts",
    "errors",
    "formats",
    "forms",
    "guard",
    "htmx",
    "labels",
    "neighbours",
    "languages",
    "navigation",
    "security",
    "requests",
}
NOT_IN_SERVICES = {"request", "session", "flash", "render_template", "g", "abort", "redirect", "url_for"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_inwards(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in modules(room)
        for line, module, _ in imports(path)
        if module.split(".")[0] in FORBIDDEN[room]
    ]
    assert not wrong, "\n".join(wrong)


def test_rq_is_imported_only_by_the_queue_and_the_jobs() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for room in ("services", "blueprints", "models")
        for path in modules(room)
        for line, module, _ in imports(path)
        if module.split(".")[0] == "rq" and path != ROOT / "services" / "queue.py"
    ]
    assert not wrong, wrong


def test_services_never_see_a_request() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} takes {name} from flask"
        for path in modules("services")
        for line, module, name in imports(path)
        if module == "flask" and name in NOT_IN_SERVICES
    ]
    assert not wrong, wrong


def test_blueprints_import_one_another_only_for_what_is_shared() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}.{name}"
        for path in modules("blueprints")
        if path.name != "rooms.py"  # which is what puts them together
        for line, module, name in imports(path)
        if module.split(".")[0] == "blueprints" and not {*module.split(".")[1:2], name} & SHARED_BY_BLUEPRINTS
    ]
    assert not wrong, wrong


def test_only_services_and_jobs_commit() -> None:
    """And what makes one commit of several."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ("blueprints", "models")
        for path in modules(room)
        if path != ROOT / "models" / "together.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]
    assert not wrong, wrong


def test_no_import_hides_in_a_function() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for room in (*ROOMS, "tools")
        for path in modules(room)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not wrong, wrong


def test_the_environment_is_read_in_one_place() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ("blueprints", "services", "models")
        for path in modules(room)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and ast.unparse(node.value) != "request"  # what WSGI calls by that name is a request's
    ]
    assert not wrong, wrong
