"""What ONE run may touch: everything behind `sdk`, made here and nowhere else, and gone when the run is over.

Each grant is bound to the run's tenant before a script sees it; no call of a script names a tenant. Read beside this file:
the grants themselves in services/granted/, and what scripts call in runtime/host/, which checks the shape of arguments only.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runtime.host import AllApis, HostApi
from services import wiring
from services.granted.addresses import HttpPolicy
from services.granted.blocked import BlockedRequests
from services.granted.buckets import Functions, limited
from services.granted.business_db import BusinessDb
from services.granted.cache import TenantCache
from services.granted.facts import Doors, RunFacts
from services.granted.http_client import HttpClient
from services.granted.redactor import Redactor
from services.granted.run_once import RunOnce
from services.granted.run_secrets import RunSecrets
from services.granted.run_starts import RunEvents, RunScripts
from services.granted.workspace import Workspace
from services.per_process import this_app

__all__ = ["Doors", "Granted", "Grants", "RunFacts", "granted"]


@dataclass(frozen=True, slots=True)
class Granted:
    """`host` is for Runtime.execute; `redact` masks what the run read of secrets in whatever of it is kept or shown.

    What the SDK itself keeps (cache, once, events, inputs of other scripts) is masked here; sdk.http and sdk.db get values whole.
    """

    host: AllApis
    redact: Callable[[Any], Any]


class Grants:
    """One property for each name a script writes behind `sdk`; the log, `crypto` and `sleep` need no grant.

    Each is made when a script first calls it, on the run's own thread: the calls themselves come on threads that have no
    application context.
    """

    def __init__(self, facts: RunFacts, redactor: Redactor, left: ExitStack) -> None:
        self._facts, self._redactor, self._left = facts, redactor, left
        self._workspace = Workspace(this_app(), facts)

    @cached_property
    def http(self) -> HttpClient:
        """The operator's lists, narrowed by the tenant's own."""
        policy = HttpPolicy.from_settings(wiring.settings(), self._facts.limits.get("http_allow"))
        on_blocked = BlockedRequests(self._workspace, self._redactor)
        return HttpClient(wiring.http_transport(), policy, owner=str(self._facts.tenant_id), on_blocked=on_blocked)

    @cached_property
    def db(self) -> BusinessDb:
        return self._left.enter_context(closing(wiring.business_database().for_tenant(str(self._facts.tenant_id))))

    @cached_property
    def cache(self) -> TenantCache:
        return TenantCache(wiring.cache_redis(), self._facts, self._redactor.redact)

    @cached_property
    def events(self) -> RunEvents:
        return RunEvents(self._workspace, wiring.doors(), self._redactor.redact)

    @cached_property
    def secrets(self) -> RunSecrets:
        return RunSecrets(self._workspace, self._redactor)

    @cached_property
    def once(self) -> RunOnce:
        return self._left.enter_context(closing(RunOnce(self._workspace, self._redactor.redact)))

    @cached_property
    def scripts(self) -> RunScripts:
        return RunScripts(self._workspace, wiring.doors(), self._redactor.redact)


@contextmanager
def granted(facts: RunFacts) -> Iterator[Granted]:
    """Needs an application context."""
    redactor = Redactor()
    with ExitStack() as left:
        grants = Grants(facts, redactor, left)

        def bind(api: HostApi) -> Functions:
            getattr(grants, api.name)  # made on this thread
            return limited(api.name, api.bind(grants), facts)

        yield Granted(left.enter_context(closing(AllApis(bind))), redactor.redact)
