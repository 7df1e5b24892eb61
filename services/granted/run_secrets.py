"""sdk.secrets of one run: each secret is read, audited and masked once."""

from threading import Lock

from services import secrets
from services.granted.redactor import Redactor
from services.granted.workspace import Workspace


class RunSecrets:
    def __init__(self, workspace: Workspace, redactor: Redactor) -> None:
        self._workspace, self._redactor = workspace, redactor
        self._known: dict[str, str] = {}
        self._lock = Lock()

    def get(self, name: str) -> str:
        with self._lock:
            if name not in self._known:
                with self._workspace.open(not_found="SECRET_NOT_FOUND"):
                    value = secrets.read_in_run(self._workspace.facts, name)
                self._redactor.add(value)
                self._known[name] = value
            return self._known[name]
