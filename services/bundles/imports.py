"""Bringing scripts in: first what would change, then the change. A script is known by its name."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from models.base import db
from models.script import Script
from models.together import together
from services import endpoint_paths, endpoints, scripts, wiring
from services.bundles.archives import Files
from services.bundles.documents import SETTINGS, document, parsed
from services.bundles.doors import DOORS, reconcile
from services.diffs import lines_changed
from services.errors import Conflict, NotFound, ServiceError
from services.identity import Principal, require
from services.scripts import Changes
from services.setting_diffs import SettingChange, settings_diff
from services.validation import syntax_error

KEPT_SECONDS = 15 * 60


@dataclass
class Item:
    """What becomes of one script. `problem` says why nothing can."""

    folder: str
    name: str
    action: str  # create, update or unchanged; refused where there is a problem
    script_id: UUID | None = None
    lines_added: int = 0
    lines_removed: int = 0
    changes: list[SettingChange] = field(default_factory=list)
    problem: ServiceError | None = None
    about: dict[str, Any] = field(default_factory=dict)
    source: str = ""


@dataclass
class Plan:
    items: list[Item]

    @property
    def can_be_carried_out(self) -> bool:
        return all(item.problem is None for item in self.items)

    def count(self, action: str) -> int:
        return sum(item.action == action for item in self.items)


def plan(actor: Principal, files: Files) -> Plan:
    """Nothing is written."""
    require(actor, "scripts.create")
    require(actor, "scripts.update")
    items, taken = [], set[str]()
    for folder, (about, source) in parsed(files).items():
        item = _planned(actor, folder, about, source)
        key = scripts.key_of(item.name)
        if key in taken and item.problem is None:
            item.action, item.problem = "refused", Conflict("Two folders hold the script “%(name)s”.", name=item.name)
        taken.add(key)
        items.append(item)
    _check_addresses(items)
    return Plan(items)


def _check_addresses(items: list[Item]) -> None:
    """No two scripts answer at one address: neither two of these, nor one of these and one that is not among them."""
    taken: dict[tuple[str, str], str] = {}
    for item in items:
        if item.problem:
            continue
        try:
            for given in item.about.get("triggers", {}).get("endpoints", []):
                _take_address(item, given, taken)
        except ServiceError as problem:
            item.action, item.problem = "refused", problem


def _take_address(item: Item, given: Mapping[str, Any], taken: dict[tuple[str, str], str]) -> None:
    path, methods = endpoint_paths.check(given["path"]), given.get("methods", endpoints.DEFAULT_METHODS)
    endpoints.refuse_if_taken(path, methods, but_by=item.script_id)
    for method in methods:
        other = taken.setdefault((method, endpoint_paths.shape(path)), item.folder)
        if other != item.folder:
            raise endpoints.PathTaken(path, method, path, other)


def _planned(actor: Principal, folder: str, about: dict[str, Any], source: str) -> Item:
    name = about.get("name")
    item = Item(folder, name[:100] if isinstance(name, str) else "", "create", about=about, source=source)
    try:
        _check(actor, about, source)
        _compare(item, _standing(actor, item.name))
    except ServiceError as problem:
        item.action, item.problem = "refused", problem
    return item


def _check(actor: Principal, about: Mapping[str, Any], source: str) -> None:
    """All that saving would refuse, before anything is saved."""
    changes = _changes(about, source)
    scripts.check(changes)
    if about.get("enabled") and (problem := syntax_error(source)):
        raise Conflict("It is enabled, but line %(line)s has a syntax error.", line=problem.line)
    for kind, door in DOORS.items():
        for given in about.get("triggers", {}).get(kind, []):
            require(actor, "triggers.manage")
            door.check(given)


def _changes(about: Mapping[str, Any], source: str) -> Changes:
    return Changes(source=source, **{key: about[key] for key in SETTINGS if key in about})


def _standing(actor: Principal, name: str) -> Script | None:
    try:
        return scripts.by_name(actor, name)
    except NotFound:
        return None


def _compare(item: Item, script: Script | None) -> None:
    code = script.source if script else ""
    item.lines_added, item.lines_removed = lines_changed(code, item.source)
    if script is None:
        return
    item.script_id = script.id
    before = document(script)
    after = {**before, **item.about}
    item.changes = settings_diff(before, after)
    if before["sample_input"] != after["sample_input"]:
        item.changes.append(SettingChange("sample_input", "", before["sample_input"], after["sample_input"]))
    is_same = not item.changes and code == item.source.replace("\r\n", "\n")
    item.action = "unchanged" if is_same else "update"


def carry_out(actor: Principal, planned: Plan, note: str = "") -> None:
    """All of it or nothing; what is unchanged is not touched. Raises Conflict when anything of the plan has a problem."""
    if not planned.can_be_carried_out:
        raise Conflict("Nothing was imported: part of it cannot be.")
    with together(db.session):
        for item in planned.items:
            if item.action != "unchanged":
                _bring_in(actor, item, note)


def _bring_in(actor: Principal, item: Item, note: str) -> None:
    changes = _changes(item.about, item.source)
    if item.script_id is None:
        item.script_id = scripts.create(actor, changes, note).id
    else:
        scripts.save(actor, item.script_id, changes, note=note)
    if "triggers" in item.about:
        reconcile(actor, item.script_id, item.about["triggers"])


# --- an uploaded file waits for its owner's yes ---------------------------------------------------------


def keep(actor: Principal, content: bytes) -> str:
    """For a quarter of an hour, for nobody else. Answers the name to ask for it by."""
    digest = hashlib.sha256(content).hexdigest()
    wiring.redis().set(_key(actor, digest), base64.b64encode(content), ex=KEPT_SECONDS)
    return digest


def kept(actor: Principal, digest: str) -> bytes:
    content = wiring.redis().get(_key(actor, digest))
    if content is None:
        raise NotFound("This file is no longer here. Upload it again.")
    return base64.b64decode(content)


def _key(actor: Principal, digest: str) -> str:
    tenant = actor.tenant.id if actor.tenant else ""
    return f"import:{tenant}:{actor.id}:{digest[:64]}"
