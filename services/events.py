"""Publishing: an event, the runs it wants and their places in the outbox, in one transaction that waits for no script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError

from models.base import db
from models.event import Event
from models.execution import Execution
from models.tenant import Tenant
from runtime.errors import HostError
from services import event_types, happenings, routing
from services.errors import Invalid
from services.filter_index import OWN
from services.granted.facts import MAX_DEPTH, RunFacts
from services.identity import Principal, require
from services.recording import Cause, Publication, record
from services.stored import as_json

MAX_BATCH = 500
# A run's context holds the event, and once more as its input where the script declares parameters; see Limits.
MAX_DATA_BYTES = 500_000
MAX_ID = 200
# What PostgreSQL says to one of two who wait for each other.
DEADLOCK = "40P01"


@dataclass(frozen=True)
class Published:
    id: str  # the sender's own, where one was given
    matched: int
    event_id: UUID


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
        except DBAPIError as error:
            db.session.rollback()
            if not isinstance(error, IntegrityError) and getattr(error.orig, "sqlstate", "") != DEADLOCK:
                raise
    raise RuntimeError("an event's id was taken again and again")


def _record_all(publications: Sequence[Publication]) -> list[Published]:
    if len({one.external_id for one in publications if one.external_id}) > 1:
        Tenant.hold(db.session)  # batches with the same ids in another order would wait for each other's
    known, published = _known(publications), []
    _refuse_other_content(publications, known)
    for publication in publications:
        event = known.get(publication.external_id or "")
        if event is None:
            event = record(publication)
            if publication.external_id:
                known[publication.external_id] = event
        published.append(Published(event.external_id or str(event.id), event.matched, event.id))
    return published


def _refuse_other_content(publications: Sequence[Publication], known: Mapping[str, Event]) -> None:
    """Before anything is recorded: what is counted and learned then cannot be taken back."""
    hashes = {external_id: event.body_hash for external_id, event in known.items()}
    for one in publications:
        if one.external_id and hashes.setdefault(one.external_id, one.body_hash) != one.body_hash:
            raise Invalid("An event with this id was published before, with other content.", field="id")


def _known(publications: Sequence[Publication]) -> dict[str, Event]:
    ids = {publication.external_id for publication in publications if publication.external_id}
    rows = db.session.scalars(select(Event).where(Event.external_id.in_(ids))) if ids else ()
    return {row.external_id: row for row in rows if row.external_id}


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
