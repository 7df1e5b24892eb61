"""Whose turn it is among the requests of this process that wait for a run: in the order they came, a script and a tenant
at their limits.

The slots in Redis count over all processes, and asking them again and again would cost more than the runs; here nobody
asks: who ends lets the next one in. A tenant may occupy half of the server's threads, so another's requests find one.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from services.per_process import have, this_app
from services.wiring import settings


@dataclass(eq=False)
class _Waiter:
    script_id: UUID
    most: int
    admitted: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Tenant:
    going: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))  # by script
    total: int = 0
    waiting: deque[_Waiter] = field(default_factory=deque)
    watching: int = 0

    @property
    def threads(self) -> int:
        """How many of the server's it occupies."""
        return self.total + len(self.waiting) + self.watching


class Turns:
    """One a process."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._tenants: dict[UUID, _Tenant] = defaultdict(_Tenant)

    def enter(self, tenant_id: UUID, script_id: UUID, most: int, most_of_tenant: int, seconds: float) -> str:
        """ "" when it may begin, or whose places are all taken: script or tenant. Who entered must leave."""
        with self._lock:
            tenant = self._tenants[tenant_id]
            if (
                tenant.total < most_of_tenant
                and tenant.going[script_id] < most
                and not self._is_awaited(tenant, script_id)
            ):
                self._admit(tenant, script_id)
                return ""
            whose = "script" if tenant.going[script_id] >= most else "tenant"
            if tenant.threads >= self._share:
                return whose
            waiter = _Waiter(script_id, most)
            tenant.waiting.append(waiter)
        if waiter.admitted.wait(max(0.0, seconds)):
            return ""
        with self._lock:
            if waiter.admitted.is_set():
                return ""
            tenant.waiting.remove(waiter)
            return whose

    def may_keep(self, tenant_id: UUID, script_id: UUID, most: int, most_of_tenant: int) -> bool:
        """Whether who ends may keep its slot for the next: somebody waits for it, or it was not the last one."""
        with self._lock:
            tenant = self._tenants[tenant_id]
            is_last = tenant.total >= most_of_tenant or tenant.going[script_id] >= most
            return not is_last or self._is_awaited(tenant, script_id)

    def leave(self, tenant_id: UUID, script_id: UUID, most_of_tenant: int) -> None:
        with self._lock:
            tenant = self._tenants[tenant_id]
            tenant.total -= 1
            tenant.going[script_id] -= 1
            if not tenant.going[script_id]:
                del tenant.going[script_id]
            self._let_in(tenant, most_of_tenant)
            self._forget_idle(tenant_id)

    @contextmanager
    def watching(self, tenant_id: UUID) -> Iterator[bool]:
        """For a request that waits for a run which another thread performs: whether there is a thread to wait on."""
        with self._lock:
            tenant = self._tenants[tenant_id]
            may_wait = tenant.threads < self._share
            tenant.watching += may_wait
        try:
            yield may_wait
        finally:
            with self._lock:
                tenant.watching -= may_wait
                self._forget_idle(tenant_id)

    def _forget_idle(self, tenant_id: UUID) -> None:
        if not self._tenants[tenant_id].threads:
            del self._tenants[tenant_id]

    def _let_in(self, tenant: _Tenant, most: int) -> None:
        for waiter in list(tenant.waiting):
            if tenant.total >= most:
                return
            if tenant.going[waiter.script_id] < waiter.most:
                tenant.waiting.remove(waiter)
                self._admit(tenant, waiter.script_id)
                waiter.admitted.set()

    def _admit(self, tenant: _Tenant, script_id: UUID) -> None:
        tenant.total += 1
        tenant.going[script_id] += 1

    def _is_awaited(self, tenant: _Tenant, script_id: UUID) -> bool:
        return any(waiter.script_id == script_id for waiter in tenant.waiting)


def turns() -> Turns:
    return have(this_app(), "turns", lambda: Turns(max(1, settings().web_threads // 2)))
