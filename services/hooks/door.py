"""The door of endpoints: from a request to its answer, in the order that costs an uninvited caller most and us least."""

from collections.abc import Mapping
from dataclasses import replace

from models.base import db
from models.database import writing
from models.tenancy import as_tenant
from services import direct, parameters
from services.endpoint_checks import LONGEST_WAIT_S
from services.errors import Busy, QuotaExceeded
from services.hooks import admission, answers, cors, keys, taking
from services.hooks.finding import Found, Place, find
from services.hooks.wire import Arrival, Refusal, Reply, not_found
from services.idempotency import Claim
from services.identity import Principal
from services.parameters import InvalidInput
from services.policies import quota
from services.queueing import Wanted, enqueue
from services.wiring import settings


def answer(arrival: Arrival) -> Reply:
    """Needs a session that is bound to nobody, or to the endpoint's own tenant."""
    with writing():
        place = find(arrival.tenant, arrival.path)
        if place is None:
            return not_found().reply()
        if asked := cors.preflight(place, arrival):
            return asked
        found = place.answering(arrival.method)
        try:
            reply = _answered(found, arrival) if found else _unanswered(place, arrival)
        except Refusal as refusal:
            db.session.rollback()
            reply = refusal.reply()
        return replace(reply, headers=_merged(reply.headers, cors.headers(found, arrival)))


def _merged(headers: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    vary = ", ".join(filter(None, (headers.get("Vary"), ours.get("Vary"))))
    return {**headers, **ours, **({"Vary": vary} if vary else {})}


def _unanswered(place: Place, arrival: Arrival) -> Reply:
    if arrival.method == "OPTIONS":
        return Reply(204, {"Allow": place.allow})
    raise Refusal(405, "METHOD_NOT_ALLOWED", headers={"Allow": place.allow})


def _answered(found: Found, arrival: Arrival) -> Reply:
    taking.check_size(arrival)
    caller = admission.by_token(found, arrival)
    with as_tenant(db.session, found.tenant_id):
        if found.auth != "signature":
            admission.limit_rate(found)
        body = taking.read_body(arrival, found)
        try:
            seen = admission.by_signature(found, arrival, body)
        except admission.Replayed:
            if again := keys.answered(found, arrival, body, caller):
                return again
            raise
        try:
            reply = _performed(found, arrival, body, caller)
        except BaseException:
            admission.forget(seen)
            raise
        admission.remember(seen)
        return reply


def _performed(found: Found, arrival: Arrival, body: bytes, caller: Principal | None) -> Reply:
    request = taking.request_of(arrival, found, body)
    wanted = Wanted(
        trigger="http", triggered_by="api", actor=caller, label=arrival.ip, request=request, trigger_id=found.endpoint_id,
        input=taking.input_of(found, request),
    )  # fmt: skip
    claim = keys.recognize(found, arrival, body, caller)
    if isinstance(claim, Reply):
        return claim
    try:
        return _queued(found, wanted, claim) if found.mode == "async" else _waited_for(found, wanted, claim)
    except QuotaExceeded as refusal:
        keys.drop(claim)
        raise answers.too_many(refusal) from None


def _queued(found: Found, wanted: Wanted, claim: Claim | None) -> Reply:
    """Nobody is there any more to be told by the run that it was refused."""
    if not settings().scripts_enabled:
        raise answers.switched_off()
    try:
        parameters.apply(found.script.parameters, wanted.input)
    except InvalidInput as unfit:
        raise answers.unfit(fault.to_dict() for fault in unfit.faults) from None
    quota.require_room(found.tenant_id, found.script.tenant_limits, wanted.trigger)
    run = enqueue(found.script, wanted)
    db.session.commit()
    keys.keep(claim, 202, run.id)
    return answers.accepted(run.id)


def _waited_for(found: Found, wanted: Wanted, claim: Claim | None) -> Reply:
    """Whatever goes wrong on our side once it runs leaves the key taken: nobody can say what the script has done."""
    seconds = min(found.options.get("timeout_s", LONGEST_WAIT_S), settings().proxy_timeout_s)
    db.session.commit()
    try:
        run = direct.run(found.script, wanted, seconds)
    except Busy:
        keys.drop(claim)
        raise answers.busy() from None
    if answers.is_busy(run):
        keys.drop(claim)
    else:
        keys.keep(claim, 200, run.id)
    return answers.of(run)
