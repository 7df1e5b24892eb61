"""sdk.scripts: runs another script of the workspace and gives what it returned."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.errors import HostError

MAX_NAME = 100


class ScriptCaller(Protocol):
    def run(self, name: str, input: Any) -> Any: ...


class Grants(Protocol):
    @property
    def scripts(self) -> ScriptCaller: ...


class ScriptsApi:
    name = "scripts"

    def bind(self, grants: Grants) -> Mapping[str, Callable[..., Any]]:
        def run(name: object = None, input: Any = None, *_: object) -> Any:
            if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
                raise HostError("INVALID_INPUT", f"sdk.scripts: a name is a text of 1 to {MAX_NAME} characters")
            return grants.scripts.run(name, input)

        return {"run": run}
