"""sdk.events and sdk.scripts of one run: the two ways in which it starts others, and where a circle of them ends.

What it gives them is kept and shown with their runs, so secrets are masked in it: another script reads its secrets itself.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from runtime.errors import HostError
from runtime.host import current_call
from services.granted.facts import MAX_DEPTH, Doors
from services.granted.redactor import refuse_secrets
from services.granted.workspace import Workspace

# The workbench's own news; a script that made them up could fool those who subscribe.
RESERVED = "dastgoh"


class RunEvents:
    def __init__(self, workspace: Workspace, doors: Doors, redact: Callable[[Any], Any]) -> None:
        self._workspace, self._publish, self._redact = workspace, doors.publish, redact

    def publish(self, type: str, data: Any) -> str:
        if self._publish is None:
            _not_here("Events")
        if type.partition(".")[0] == RESERVED:
            raise HostError(
                "PERMISSION_DENIED", f"sdk.events: types that begin with {RESERVED} are the workbench's own"
            )
        refuse_secrets(self._redact, type, "sdk.events: a type")
        _guard(self._workspace, "events")
        with self._workspace.open():
            return str(self._publish(self._workspace.facts, type, self._redact(data)))


class RunScripts:
    def __init__(self, workspace: Workspace, doors: Doors, redact: Callable[[Any], Any]) -> None:
        self._workspace, self._run, self._redact = workspace, doors.run_script, redact

    def run(self, name: str, input: Any) -> Any:
        """Within this run's time and permissions. A run nobody is behind (cron, event) acts for the business itself."""
        facts, call = self._workspace.facts, current_call()
        if self._run is None:
            _not_here("Other scripts")
        if facts.user_id is not None and "scripts.execute" not in facts.permissions:
            raise HostError("PERMISSION_DENIED", "You need the permission “scripts.execute” for this.")
        _guard(self._workspace, "calls")
        deadlines = [at for at in (facts.deadline, call.deadline if call else None) if at is not None]
        with self._workspace.open():
            return self._run(facts, name, self._redact(input), min(deadlines, default=None))


def _guard(workspace: Workspace, what: str) -> None:
    if workspace.facts.chain_depth >= MAX_DEPTH:
        raise HostError("LOOP_GUARD", f"A chain of {what} and runs has at most {MAX_DEPTH} links")


def _not_here(what: str) -> NoReturn:
    raise HostError("FEATURE_DISABLED", f"{what} cannot be reached from here")
