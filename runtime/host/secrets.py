"""sdk.secrets: a secret by its name. The granted store knows whose it is and masks it from then on."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.errors import HostError


class GrantedSecrets(Protocol):
    def get(self, name: str) -> str: ...


class Grants(Protocol):
    @property
    def secrets(self) -> GrantedSecrets: ...


class SecretsApi:
    name = "secrets"

    def bind(self, grants: Grants) -> Mapping[str, Callable[..., Any]]:
        def get(name: object = None, *_: object) -> str:
            if not isinstance(name, str):
                raise HostError("INVALID_INPUT", "sdk.secrets: the name of a secret is a text")
            return grants.secrets.get(name)

        return {"get": get}
