"""Addresses of static files that change with their content, so that browsers may keep them for ever."""

import hashlib
import os
from functools import lru_cache
from glob import glob
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for

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
    if "script_modules" not in g:  # a page asks several times
        folder, root = current_app.static_folder or "", url_for("static", filename="")
        paths = sorted(glob("js/**/*.js", root_dir=folder, recursive=True))
        g.script_modules = {root + path: f"{root}{path}?v={_version(path)}" for path in paths}
    modules: dict[str, str] = g.script_modules
    return modules


def _version(filename: str) -> str | None:
    path = os.path.join(current_app.static_folder or "", filename)  # no Path: dozens for each page
    try:
        return _digest(path, os.stat(path).st_mtime_ns)
    except FileNotFoundError:
        return None  # an asset that was not built: the page still renders, and `flask doctor` names it


@lru_cache(maxsize=512)
def _digest(path: str, modified_ns: int) -> str:
    """Digest of a file's content; `modified_ns` is part of the key, so an edit in development is seen at once."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def _keep_addressed_files(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code in (200, 304):
        response.cache_control.no_cache = None
        response.cache_control.public = True
        response.cache_control.max_age = A_YEAR
        response.cache_control.immutable = True
    return response
