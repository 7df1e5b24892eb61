"""Publishing: an event, the runs it wants and their places in the outbox, in one transaction that waits for no script."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from models.base import db, utcnow
from models.event import Event, OutboxEntry
from models.execution import Execution
from models.ids import uuid7
from models.script import Script
from models.tenancy import bound_to
from runtime.errors import HostError
from services import deliveries, event_types, happenings, meters, routing
from services.errors import Invalid
from services.filter_index import OWN, Entry
from services.granted.facts import MAX_DEPTH, RunFacts
from services.identity import Principal, require
from services.queueing import Wanted, columns
from services.stored import as_json

MAX_BATCH = 500
# A run's context holds the event, and once more as its input where the script declares parameters; see Limits.
MAX_DATA_BYTES = 500_000
MAX_ID = 200

_SCRIPTS = Script.__table__


@dataclass(frozen=True)
class Published:
    id: str  # the sender's own, where one was given
    matched: int
    event_id: UUID


@dataclass(frozen=True)
class Cause:
    """The run that an event comes from."""

    execution_id: UUID
    script_id: UUID
    depth: int


@dataclass(frozen=True)
class Publication:
    type: str
    data: Any
    external_id: str | None = None
    source: str = "api"
    cause: Cause | None = None

    @property
    def body_hash(self) -> str:
        body = json.dumps([self.type, self.data], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(body.encode()).hexdigest()

    @property
    def depth(self) -> int:
        return self.cause.depth + 1 if self.cause else 0


def publish(
    actor: Principal, type: str, data: Any = None, external_id: str | None = None, source: str = "api"
) -> Published:
    return publish_batch(actor, [{"type": type, "data": data, "id": external_id}], source)[0]


def publish_batch(actor: Principal, items: Sequence[Mapping[str, Any]], source: str = "api") -> list[Published]:
    """All or nothing. An event with an id that is known already is answered as it was the first time."""
    require(actor, "scripts.execute")
    if not 1 <= len(items) <= MAX_BATCH:
        raise Invalid("A batch has 1 to %(most)s events.", field="events", most=MAX_BATCH)
    return _committed([_checked(item, source) for item in items])


def publish_from_run(facts: RunFacts, type: str, data: Any) -> str:
    """For sdk.events.publish. What would go round and round is kept, reaches nobody, and is an error to the script."""
    cause = Cause(facts.execution_id, facts.script_id, facts.chain_depth)
    published = _committed([_checked({"type": type, "data": data}, "script", cause)])[0]
    if cause.depth + 1 >= MAX_DEPTH:
        raise HostError("LOOP_GUARD", f"events led to events {MAX_DEPTH} times: {type} was kept and reaches no script")
    return published.id


def _checked(item: Mapping[str, Any], source: str, cause: Cause | None = None) -> Publication:
    kind, external_id = event_types.check(item.get("type")), item.get("id")
    if kind.startswith(OWN):
        raise Invalid("Event types that begin with dastgoh. are the workbench's own.", field="type")
    if external_id is not None and not (
        isinstance(external_id, str) and 0 < len(external_id) <= MAX_ID and external_id.isprintable()
    ):
        raise Invalid("An event's id is text of 1 to %(most)s characters that one can see.", field="id", most=MAX_ID)
    return Publication(kind, as_json(item.get("data"), MAX_DATA_BYTES, "data"), external_id, source, cause)


def _committed(publications: Sequence[Publication]) -> list[Published]:
    """Two who publish the same id at once: the second finds the first's event and starts over."""
    for _ in range(3):
        try:
            published = _record_all(publications)
            db.session.commit()
            return published
        except IntegrityError:
            db.session.rollback()
    raise RuntimeError("an event's id was taken again and again")


def _record_all(publications: Sequence[Publication]) -> list[Published]:
    known, published = _known(publications), []
    for publication in publications:
        event = known.get(publication.external_id or "")
        if event is None:
            event = record(publication)
            if publication.external_id:
                known[publication.external_id] = event
        elif event.body_hash != publication.body_hash:
            raise Invalid("An event with this id was published before, with other content.", field="id")
        published.append(Published(event.external_id or str(event.id), event.matched, event.id))
    return published


def _known(publications: Sequence[Publication]) -> dict[str, Event]:
    ids = {publication.external_id for publication in publications if publication.external_id}
    rows = db.session.scalars(select(Event).where(Event.external_id.in_(ids))) if ids else ()
    return {row.external_id: row for row in rows if row.external_id}


def record(publication: Publication) -> Event:
    """In the caller's transaction. Rows are written by Core: nothing here is looked at again, and it is twice as quick."""
    event = as_event(publication)
    event_types.learn(event)
    meters.count("events_received_total")
    if event.chain_depth < MAX_DEPTH:
        _deliver(event, publication.cause)
    else:
        insert_event(event)
    return event


def as_event(publication: Publication) -> Event:
    """The row, written nowhere yet."""
    return Event(
        id=uuid7(), external_id=publication.external_id, type=publication.type, data=publication.data,
        body_hash=publication.body_hash, source=publication.source, chain_depth=publication.depth, matched=0,
        cause_id=publication.cause.execution_id if publication.cause else None, created_at=utcnow(),
    )  # fmt: skip


def insert_event(event: Event) -> None:
    names = (
        "id",
        "external_id",
        "type",
        "data",
        "body_hash",
        "source",
        "chain_depth",
        "matched",
        "cause_id",
        "created_at",
    )
    _insert(Event, [{name: getattr(event, name) for name in names}])


def _insert(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    tenant_id = bound_to(db.session)
    db.session.connection().execute(insert(model.__table__), [{"tenant_id": tenant_id, **row} for row in rows])


def as_seen(event: Event) -> dict[str, Any]:
    """As filters and scripts see it."""
    return {"id": event.external_id or str(event.id), "type": event.type, "data": event.data,
            "timestamp": event.created_at.isoformat()}  # fmt: skip


def _deliver(event: Event, cause: Cause | None) -> None:
    found = routing.matching(as_seen(event))
    scripts = _runnable({entry.script_id for entry in (*found.matched, *found.unreadable)})
    wanted = [entry for entry in found.matched if entry.script_id in scripts and not _is_self(entry, cause)]
    event.matched = len(wanted)
    insert_event(event)
    if wanted:
        runs = [_delivery(scripts[entry.script_id], entry, event) for entry in wanted]
        _insert(Execution, runs)
        _insert(OutboxEntry, [{"execution_id": run["id"]} for run in runs])
    for entry in found.unreadable:
        if script := scripts.get(entry.script_id):
            deliveries.bury(script, entry.subscription_id, event, "INVALID_INPUT", "the filter cannot be evaluated")
    meters.count("events_matched_total", len(wanted))
    meters.count("events_filtered_total", found.filtered)


def _delivery(script: Any, entry: Entry, event: Event) -> dict[str, Any]:
    return columns(script, Wanted(
        trigger="event", triggered_by="system", trigger_id=entry.subscription_id, event_id=event.id, label=event.type,
        input=event.data if script.parameters else None, chain_depth=event.chain_depth,
    ))  # fmt: skip


def _runnable(script_ids: set[UUID]) -> dict[UUID, Any]:
    """What a run needs to know of each script that may run."""
    if not script_ids:
        return {}
    rows = db.session.connection().execute(
        select(_SCRIPTS.c.id, _SCRIPTS.c.name, _SCRIPTS.c.version, _SCRIPTS.c.limits, _SCRIPTS.c.parameters)
        .where(_SCRIPTS.c.tenant_id == bound_to(db.session), _SCRIPTS.c.id.in_(script_ids), _SCRIPTS.c.enabled,
               _SCRIPTS.c.deleted_at.is_(None))
    )  # fmt: skip
    return {row.id: row for row in rows}


def _is_self(entry: Entry, cause: Cause | None) -> bool:
    return cause is not None and cause.script_id == entry.script_id and not entry.allow_self


@happenings.listen
def _publish_own(kind: str, data: dict[str, Any]) -> None:
    """The workbench's own events. Every run has some, so those of runs are only kept where somebody waits for them."""
    of_run = kind.startswith(f"{OWN}execution.")
    if of_run and not routing.is_awaited(kind):
        return
    record(Publication(kind, data, source="dastgoh", cause=_cause(data["id"]) if of_run and data["id"] else None))


def _cause(execution_id: str) -> Cause | None:
    run = db.session.get(Execution, UUID(execution_id))
    return Cause(run.id, run.script_id, run.chain_depth) if run else None
