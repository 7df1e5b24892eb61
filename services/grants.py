"""What ONE run may touch: everything behind `sdk`, made here and nowhere else, and gone when the run is over.

Each grant is bound to the run's tenant before a script sees it; no call of a script names a tenant. Read beside this file:
the grants themselves in services/granted/, and what scripts call in runtime/host/, which checks the shape of arguments only.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from flask import current_app

from runtime.host import HOST_APIS
from services import wiring
from services.granted.addresses import HttpPolicy
from services.granted.blocked import BlockedRequests
from services.granted.buckets import limited
from services.granted.business_db import BusinessDb
from services.granted.cache import TenantCache
from services.granted.facts import Doors, RunFacts
from services.granted.http_client import HttpClient
from services.granted.redactor import Redactor
from services.granted.run_once import RunOnce
from services.granted.run_secrets import RunSecrets
from services.granted.run_starts import RunEvents, RunScripts
from services.granted.workspace import Workspace

__all__ = ["Doors", "Granted", "Grants", "RunFacts", "granted"]


@dataclass(frozen=True, slots=True)
class Granted:
    """`host` is for Runtime.execute; `redact` masks what the run read of secrets in whatever of it is kept or shown.

    What the SDK itself keeps (cache, once, events, inputs of other scripts) is masked here; sdk.http and sdk.db get values whole.
    """

    host: Mapping[str, Any]
    redact: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Grants:
    """One field for each name a script writes behind `sdk`; the log, `crypto` and `sleep` need no grant."""

    http: HttpClient
    db: BusinessDb
    cache: TenantCache
    events: RunEvents
    secrets: RunSecrets
    once: RunOnce
    scripts: RunScripts


@contextmanager
def granted(facts: RunFacts) -> Iterator[Granted]:
    """Needs an application context at its begin; the calls themselves come on threads that have none."""
    workspace = Workspace(current_app._get_current_object(), facts)  # type: ignore[attr-defined]  # a proxy's own method
    redactor, doors = Redactor(), wiring.doors()
    business = wiring.business_database().for_tenant(str(facts.tenant_id))
    with closing(business), closing(RunOnce(workspace, redactor.redact)) as once:
        grants = Grants(
            http=_http(facts, BlockedRequests(workspace, redactor)),
            db=business,
            cache=TenantCache(wiring.cache_redis(), facts, redactor.redact),
            events=RunEvents(workspace, doors, redactor.redact),
            secrets=RunSecrets(workspace, redactor),
            once=once,
            scripts=RunScripts(workspace, doors, redactor.redact),
        )
        yield Granted({api.name: limited(api.name, api.bind(grants), facts) for api in HOST_APIS}, redactor.redact)


def _http(facts: RunFacts, on_blocked: Callable[[str, str], None]) -> HttpClient:
    """The operator's lists, narrowed by the tenant's own."""
    policy = HttpPolicy.from_settings(wiring.settings(), facts.limits.get("http_allow"))
    return HttpClient(wiring.http_transport(), policy, owner=str(facts.tenant_id), on_blocked=on_blocked)
