"""Which subscriptions concern an event, from an index each process keeps per tenant for as long as nothing changes."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select

from models.base import db
from models.subscription import Subscription
from models.tenancy import bound_to
from services.filter_index import Matches, SubscriptionIndex

MOST_TENANTS = 500

_TABLE = Subscription.__table__
# Asked for every event, so in the quickest way there is: one statement of Core's, compiled once.
_SIGNATURE = select(func.count(_TABLE.c.id), func.max(_TABLE.c.updated_at)).where(
    _TABLE.c.tenant_id == bindparam("tenant"), _TABLE.c.enabled
)

Signature = tuple[int, datetime | None]
_kept: "OrderedDict[tuple[int, UUID], tuple[Signature, SubscriptionIndex]]" = OrderedDict()
_lock = threading.Lock()


def matching(event: Mapping[str, Any]) -> Matches:
    """The session is bound to the event's tenant."""
    return _index().matching(event)


def is_awaited(event_type: str) -> bool:
    """Whether anybody subscribes to such events at all."""
    return next(_index().candidates(event_type), None) is not None


def _index() -> SubscriptionIndex:
    key, now = (id(db.engine), _tenant()), _signature()
    with _lock:
        if key in _kept and _kept[key][0] == now:
            _kept.move_to_end(key)
            return _kept[key][1]
    index = SubscriptionIndex(db.session.scalars(select(Subscription).where(Subscription.enabled)).all())
    with _lock:
        _kept[key] = now, index
        while len(_kept) > MOST_TENANTS:
            _kept.popitem(last=False)
    return index


def _signature() -> Signature:
    """Every change shows in it: services.subscriptions sees to it that the latest time only grows."""
    count, latest = db.session.connection().execute(_SIGNATURE, {"tenant": _tenant()}).one()
    return count, latest


def _tenant() -> UUID:
    tenant = bound_to(db.session)
    if not isinstance(tenant, UUID):
        raise RuntimeError("events are matched within a tenant")
    return tenant
