"""Addresses of static files that change with their content, so that browsers may keep them for ever."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

A_YEAR = 365 * 24 * 3600


def init_app(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["script_modules"] = script_modules
    app.after_request(_keep_addressed_files)


def asset(filename: str) -> str:
    """The address of a static file with its content's digest: `asset('css/base.css')`."""
    return url_for("static", filename=filename, v=_version(filename))


def script_modules() -> dict[str, str]:
    """An import map: modules import each other by plain address and still get the versioned one."""
    folder = Path(current_app.static_folder or "")
    names = sorted(path.relative_to(folder).as_posix() for path in (folder / "js").rglob("*.js"))
    return {url_for("static", filename=name): asset(name) for name in names}


def _version(filename: str) -> str | None:
    path = Path(current_app.static_folder or "") / filename
    try:
        return _digest(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None  # an asset that was not built: the page still renders, and `flask doctor` names it


@lru_cache(maxsize=512)
def _digest(path: Path, modified_ns: int) -> str:
    """Digest of a file's content; `modified_ns` is part of the key, so an edit in development is seen at once."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _keep_addressed_files(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code in (200, 304):
        response.cache_control.no_cache = None
        response.cache_control.public = True
        response.cache_control.max_age = A_YEAR
        response.cache_control.immutable = True
    return response
