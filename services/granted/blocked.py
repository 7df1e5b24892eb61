"""What happens when a script's request is blocked: it is counted, and, once a run for each place and reason, audited."""

import logging
from threading import Lock

from models.base import db
from runtime.errors import HostError
from services import audit, meters
from services.audit import Target
from services.granted.redactor import Redactor
from services.granted.workspace import Workspace

log = logging.getLogger(__name__)
MOST_AUDITED = 20


class BlockedRequests:
    def __init__(self, workspace: Workspace, redactor: Redactor) -> None:
        self._workspace, self._redactor = workspace, redactor
        self._seen: set[tuple[str, str]] = set()
        self._lock = Lock()

    def __call__(self, origin: str, reason: str) -> None:
        meters.count("script_http_blocked_total", reason=reason)
        with self._lock:
            is_news = (origin, reason) not in self._seen and len(self._seen) < MOST_AUDITED
            if is_news:
                self._seen.add((origin, reason))
        if is_news:
            self._record(origin, reason)

    def _record(self, origin: str, reason: str) -> None:
        facts = self._workspace.facts
        try:
            with self._workspace.open():
                audit.record(
                    None, "http.blocked", Target("script", facts.script_id, facts.script_name), tenant_id=facts.tenant_id,
                    actor_label=facts.script_name,
                    after={"url": self._redactor.redact(origin), "reason": reason, "execution": str(facts.execution_id)},
                )  # fmt: skip
                db.session.commit()
        except HostError:
            log.warning("a blocked request of %s could not be audited", facts.execution_id)
