"""Scripts: making, reading, saving and removing them. Saving is optimistic: nobody overwrites what they have not seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.script import Script, ScriptText
from runtime.limits import KIB
from services import audit, happenings, limits, meanwhile, parameters, triggers, versions
from services.audit import Target
from services.errors import Conflict, Invalid, NotFound
from services.identity import Principal, require
from services.partial import UNCHANGED, Partial
from services.stored import as_json, as_text
from services.validation import syntax_error

MAX_SOURCE_BYTES = 256 * KIB
MAX_TAGS, MAX_TAG = 20, 40
MAX_METADATA_BYTES = 16 * KIB
MAX_SAMPLE_BYTES = 256 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Partial):
    """What an author may say about a script. What is left out stays as it is."""

    name: str = UNCHANGED
    description: str = UNCHANGED
    source: str = UNCHANGED
    enabled: bool = UNCHANGED
    tags: Sequence[str] = UNCHANGED
    metadata: Mapping[str, Any] = UNCHANGED
    parameters: Sequence[Mapping[str, Any]] = UNCHANGED
    limits: Mapping[str, Any] = UNCHANGED
    retention: Mapping[str, Any] = UNCHANGED
    sample_input: Any = UNCHANGED


class Stale(Conflict):
    """Somebody else saved since the author began. `script` is how it stands now."""

    def __init__(self, script: Script) -> None:
        super().__init__("Somebody saved version %(version)s meanwhile.", version=script.version)
        self.script = script


class WouldDisable(Conflict):
    """The source has a syntax error, and only a disabled script may keep one."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(
            "Line %(line)s, column %(column)s: %(what)s. The script is enabled; saving it like this disables it.",
            line=line, column=column, what=message,
        )  # fmt: skip


def get(actor: Principal, script_id: UUID, *, deleted: bool = False) -> Script:
    """With its code."""
    require(actor, "scripts.read")
    query = select(Script) if deleted else Script.alive()
    script = db.session.scalar(query.where(Script.id == script_id).options(undefer(Script.source)))
    if script is None:
        raise NotFound("There is no such script.")
    return script


def hold(actor: Principal, script_id: UUID) -> Script:
    """The script; until this transaction ends nobody else changes it or its triggers."""
    require(actor, "scripts.read")
    return _locked(script_id)


def by_name(actor: Principal, name: str) -> Script:
    require(actor, "scripts.read")
    script = db.session.scalar(Script.alive().where(Script.name_key == key_of(name)).options(undefer(Script.source)))
    if script is None:
        raise NotFound("There is no script “%(name)s”.", name=name[:100])
    return script


def create(actor: Principal, changes: Changes, note: str = "") -> Script:
    """Enabled unless told otherwise, or unless its source is not yet JavaScript."""
    require(actor, "scripts.create")
    script = Script(created_by=actor.id, updated_by=actor.id, name="", source="", description="", version=1, tags=[],
                    extra={}, parameters=[], limits={}, retention={}, enabled=False, has_syntax_error=False)  # fmt: skip
    given = {"name": "", "source": ""} | changes.given()
    _fill(script, given)
    problem = syntax_error(script.source)
    script.has_syntax_error = problem is not None
    if problem and given.get("enabled"):
        raise _not_enabled(problem.line, problem.column, problem.message)
    script.enabled = given.get("enabled", problem is None)
    db.session.add(script)
    _flush_unique(script)
    db.session.add(ScriptText.of(script))
    versions.snapshot(actor, script, note)
    audit.record(actor, "script.created", target(script), after=_facts(script))
    happenings.announce("dastgoh.script.created", script_facts(script))
    db.session.commit()
    return script


def save(
    actor: Principal,
    script_id: UUID,
    changes: Changes,
    *,
    base_version: int | None = None,
    note: str = "",
    may_disable: bool = True,
    seen: str = "",
) -> Script:
    """A new version when code, parameters or limits differ. `base_version` is what the author started from; `seen`, the
    mark of what they saw of what they change, says the same of what makes no version.

    Whoever changes a script is shown all of it, so it takes the permission to read as well."""
    require(actor, "scripts.update")
    script = hold(actor, script_id)
    if base_version is not None and base_version != script.version:
        raise Stale(script)
    before, matter = _facts(script), _what_matters(script)
    given = changes.given()
    _fill(script, given)
    _judge_source(script, given, may_disable)
    _flush_unique(script)
    if _what_matters(script) != matter:
        versions.snapshot(actor, script, note)
    after = _facts(script)
    if seen and after != before and seen != _mark(before, given):
        raise meanwhile.changed("script", script_id, *before.keys() - given.keys())
    if after != before:
        db.session.merge(_searchable(script))
    if after != before or "sample_input" in given:
        script.updated_by, script.updated_at = actor.id, utcnow()
        audit.record(actor, "script.updated", target(script), before=before, after=after)
        _announce_update(script, before["enabled"])
    db.session.commit()
    return script


def mark(script: Script, *names: str) -> str:
    return _mark(_facts(script), names)


def _mark(facts: Mapping[str, Any], names: Iterable[str]) -> str:
    return meanwhile.mark_of({name: facts[name] for name in names})


def restore(actor: Principal, script_id: UUID, number: int, base_version: int | None = None, note: str = "") -> Script:
    """A new version with an old one's code, parameters and limits. Triggers stay as they are: they act on the world."""
    old = versions.get(actor, script_id, number)
    require(actor, "scripts.update")
    script = _locked(script_id)
    if base_version is not None and base_version != script.version:
        raise Stale(script)
    before, from_version = _facts(script), script.version
    script.source, script.parameters, script.limits = old.source, list(old.parameters), dict(old.limits)
    _judge_source(script, {"source": old.source}, may_disable=True)
    versions.snapshot(actor, script, note, restored_from=number)
    script.updated_by, script.updated_at = actor.id, utcnow()
    audit.record(actor, "script.restored", target(script), before=before | {"version": from_version},
                 after=_facts(script) | {"restored_from": number})  # fmt: skip
    _announce_update(script, before["enabled"])
    db.session.commit()
    return script


def touch_triggers(actor: Principal, script_id: UUID, note: str = "") -> Script:
    """Called by whoever changed a trigger, in the same transaction: triggers are part of a version."""
    script = _locked(script_id)
    versions.snapshot(actor, script, note)
    script.updated_by, script.updated_at = actor.id, utcnow()
    return script


def delete(actor: Principal, script_id: UUID) -> dict[str, int]:
    """Triggers go, history stays. Answers how many triggers of each kind went."""
    require(actor, "scripts.delete")
    script = hold(actor, script_id)
    gone = triggers.remove_all(script.id)
    script.deleted_at, script.enabled = utcnow(), False
    db.session.execute(sql_delete(ScriptText).where(ScriptText.script_id == script.id))
    audit.record(actor, "script.deleted", target(script), before=_facts(script), after={"triggers_removed": gone})
    happenings.announce("dastgoh.script.deleted", script_facts(script))
    db.session.commit()
    return gone


def _searchable(script: Script) -> ScriptText:
    text = ScriptText.of(script)
    text.tenant_id = script.tenant_id  # part of the key that merge() looks for
    return text


def check(changes: Changes) -> None:
    """Raises Invalid for what creating a script of it would refuse."""
    _fill(Script(), {"name": "", "source": ""} | changes.given())


def target(script: Script) -> Target:
    return Target("script", script.id, script.name)


def script_facts(script: Script) -> dict[str, Any]:
    """What the product's own events say of a script."""
    return {"id": str(script.id), "name": script.name, "version": script.version, "enabled": script.enabled}


def _locked(script_id: UUID) -> Script:
    """The row, held until the transaction ends: two savers come one after the other. New runs of it keep nobody waiting, and
    wait for nobody: a scheduler that starts one holds its schedule, which this saver may be about to change."""
    script = db.session.scalar(
        Script.alive().where(Script.id == script_id).options(undefer(Script.source)).with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )  # fmt: skip
    if script is None:
        raise NotFound("There is no such script.")
    return script


def _announce_update(script: Script, was_enabled: bool) -> None:
    happenings.announce("dastgoh.script.updated", script_facts(script))
    if script.enabled != was_enabled:
        kind = "enabled" if script.enabled else "disabled"
        happenings.announce(f"dastgoh.script.{kind}", script_facts(script))


def _judge_source(script: Script, given: Mapping[str, Any], may_disable: bool) -> None:
    if "source" not in given and not given.get("enabled"):
        return
    problem = syntax_error(script.source)
    script.has_syntax_error = problem is not None
    if problem and given.get("enabled"):
        db.session.rollback()
        raise _not_enabled(problem.line, problem.column, problem.message)
    if problem and script.enabled:
        if not may_disable:
            db.session.rollback()
            raise WouldDisable(problem.line, problem.column, problem.message)
        script.enabled = False


def _not_enabled(line: int, column: int, message: str) -> Invalid:
    return Invalid(
        "A script with a syntax error cannot be enabled (line %(line)s, column %(column)s: %(what)s).",
        field="enabled", line=line, column=column, what=message,
    )  # fmt: skip


def _fill(script: Script, given: Mapping[str, Any]) -> None:
    if "name" in given:
        script.name = _name(given["name"])
        script.name_key = key_of(script.name)
    if "description" in given:
        script.description = _text(given["description"], 2000, "description")
    if "source" in given:
        script.source = _source(given["source"])
    if "enabled" in given:
        script.enabled = _flag(given["enabled"])
    if "tags" in given:
        script.tags = _tags(given["tags"])
    if "metadata" in given:
        script.extra = _document(given["metadata"], MAX_METADATA_BYTES, "metadata")
    if "parameters" in given:
        script.parameters = parameters.check_declarations(given["parameters"])
    if "limits" in given:
        script.limits = limits.check(_document(given["limits"], MAX_METADATA_BYTES, "limits"))
    if "retention" in given:
        script.retention = versions.check_retention(_document(given["retention"], MAX_METADATA_BYTES, "retention"))
    if "sample_input" in given:
        script.sample_input = as_json(given["sample_input"], MAX_SAMPLE_BYTES, "sample_input")


def _name(value: object) -> str:
    name = " ".join(_text(value, 400, "name").split())
    if not 3 <= len(name) <= 100:
        raise Invalid("A name has 3 to 100 characters.", field="name")
    if not name.isprintable():
        raise Invalid("A name has only characters one can see.", field="name")
    return name


def key_of(name: str) -> str:
    return " ".join(name.split()).casefold()[:200]


def _text(value: object, most: int, field: str) -> str:
    if not isinstance(value, str):
        raise Invalid("This must be text.", field=field)
    if len(value) > most:
        raise Invalid("At most %(most)s characters.", field=field, most=most)
    return as_text(value, field)


def _source(value: object) -> str:
    source = _text(value, MAX_SOURCE_BYTES, "source").replace("\r\n", "\n")
    size = len(source.encode())
    if size > MAX_SOURCE_BYTES:
        raise Invalid("The code has %(size)s bytes; at most %(most)s are allowed.", field="source",
                      size=size, most=MAX_SOURCE_BYTES)  # fmt: skip
    return source


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("This must be true or false.", field="enabled")
    return value


def _tags(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(tag, str) for tag in value):
        raise Invalid("Tags are a list of words.", field="tags")
    tags = list(dict.fromkeys(" ".join(tag.split()).casefold() for tag in value if tag.strip()))
    if len(tags) > MAX_TAGS:
        raise Invalid("At most %(most)s tags.", field="tags", most=MAX_TAGS)
    for tag in tags:
        if len(tag) > MAX_TAG or not tag.isprintable() or "," in tag:
            raise Invalid("A tag has at most %(most)s characters, and no comma.", field="tags", most=MAX_TAG)
    return tags


def _document(value: object, most: int, field: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid("This must be an object.", field=field)
    document: dict[str, Any] = as_json(dict(value), most, field)
    return document


def _flush_unique(script: Script) -> None:
    name = script.name
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("There is already a script “%(name)s”.", name=name) from None


def _what_matters(script: Script) -> tuple[Any, ...]:
    """What makes a version. Name, description and tags may change without one."""
    return script.source, list(script.parameters), dict(script.limits)


def _facts(script: Script) -> dict[str, Any]:
    """What the audit log compares. The code is in the versions; here its fingerprint is enough."""
    return {
        "name": script.name, "description": script.description, "enabled": script.enabled, "tags": list(script.tags),
        "metadata": dict(script.extra), "parameters": list(script.parameters), "limits": dict(script.limits),
        "retention": dict(script.retention), "version": script.version, "source": versions.hash_of(script.source)[:12],
    }  # fmt: skip
