"""A script as two files: its code as it is, and everything else as JSON. Secrets are not part of a script and never in it."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from models.script import Script
from services import triggers
from services.bundles.archives import ABOUT, CODE, Files
from services.errors import Invalid

FORMAT = 1
AT_ONCE = 100  # a tenant may have ten thousand
SETTINGS = ("name", "description", "enabled", "tags", "metadata", "parameters", "limits", "retention", "sample_input")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_OF_TRIGGER = {
    "schedules": ("cron", "timezone", "input", "enabled", "overlap", "misfire", "jitter_seconds", "starts_at", "ends_at"),
    "endpoints": ("path", "methods", "auth", "mode", "enabled", "options"),
    "subscriptions": ("event_type", "filter", "enabled", "allow_self"),
}  # fmt: skip


def files_of(scripts: Iterable[Script]) -> Iterator[tuple[str, bytes]]:
    """One folder each, named after the script; the sources must be loaded."""
    taken: set[str] = set()
    remaining = iter(scripts)
    while group := list(islice(remaining, AT_ONCE)):
        known = triggers.facts_of([script.id for script in group])
        for script in group:
            slug = _free(_slug(script.name), taken)
            about = _document_of(script, known[script.id])
            yield f"{slug}/{CODE}", script.source.encode()
            yield f"{slug}/{ABOUT}", f"{json.dumps(about, ensure_ascii=False, indent=2)}\n".encode()


def document(script: Script) -> dict[str, Any]:
    """All of a script but its code."""
    return _document_of(script, triggers.facts(script.id))


def _document_of(script: Script, its_triggers: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Ids stay at home: elsewhere they would mean nothing."""
    return {
        "format": FORMAT, "name": script.name, "description": script.description, "enabled": script.enabled,
        "tags": list(script.tags), "metadata": dict(script.extra), "parameters": list(script.parameters),
        "limits": dict(script.limits), "retention": dict(script.retention), "sample_input": script.sample_input,
        "triggers": {kind: [_without_id(each) for each in rows] for kind, rows in its_triggers.items()},
    }  # fmt: skip


def _without_id(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != "id"}


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFC", name).casefold()
    slug = re.sub(r"[^\w]+", "-", plain).strip("-_")[:60].strip("-_") or "script"
    return f"{slug}-script" if slug in _RESERVED else slug


def _free(slug: str, taken: set[str]) -> str:
    number, free = 1, slug
    while free in taken:
        number, free = number + 1, f"{slug}-{number + 1}"
    taken.add(free)
    return free


def parsed(files: Files) -> dict[str, tuple[dict[str, Any], str]]:
    """Folder -> (document, code). Raises Invalid for what cannot be one of ours."""
    folders = sorted({path.split("/")[0] for path in files})
    if not folders:
        raise Invalid("There is no script in it: each has a folder with script.js and script.json.", field="file")
    return {folder: (_document(folder, files), _code(folder, files)) for folder in folders}


def _code(folder: str, files: Files) -> str:
    content = files.get(f"{folder}/{CODE}")
    if content is None:
        raise Invalid("“%(path)s” is missing.", field="file", path=f"{folder}/{CODE}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Invalid("“%(path)s” is not UTF-8.", field="file", path=f"{folder}/{CODE}") from error


def _document(folder: str, files: Files) -> dict[str, Any]:
    path = f"{folder}/{ABOUT}"
    content = files.get(path)
    if content is None:
        raise Invalid("“%(path)s” is missing.", field="file", path=path)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Invalid("“%(path)s” is not JSON.", field="file", path=path) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Invalid("“%(path)s” is of a kind this version does not know.", field="file", path=path)
    for key in found:
        if key not in ("format", "triggers", *SETTINGS):
            raise Invalid("“%(path)s” has an unknown part: “%(key)s”.", field="file", path=path, key=key[:64])
    return {**found, "triggers": _triggers(found.get("triggers", {}), path)} if "triggers" in found else found


def _triggers(found: Any, path: str) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(found, dict) or not found.keys() <= _OF_TRIGGER.keys():
        raise Invalid("“%(path)s”: triggers are schedules, endpoints and subscriptions.", field="file", path=path)
    for kind, rows in found.items():
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and row.keys() <= set(_OF_TRIGGER[kind]) for row in rows
        ):
            raise Invalid("“%(path)s”: “%(kind)s” has a part that is unknown.", field="file", path=path, kind=kind)
    return {kind: found.get(kind, []) for kind in _OF_TRIGGER}
