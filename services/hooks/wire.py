"""What comes in and what goes out, as plain values."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import logs
from services.identity import Principal

# What an endpoint's script sends must not act as a page of ours: it stands on the workbench's own address.
SAFE_HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
RUN_HEADER = "X-Execution-Id"


@dataclass(frozen=True)
class Arrival:
    """A request. The body is not read yet: `read(limit)` does, and refuses more than `limit` bytes or too slow a sender."""

    method: str
    tenant: str
    path: str  # below the tenant, as it was sent
    query: str
    headers: Mapping[str, str]  # with small names
    ip: str
    read: Callable[[int], bytes]
    caller: Principal | None = None  # already known, when the request is made on our own page


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    execution_id: UUID | None = None

    @property
    def all_headers(self) -> dict[str, str]:
        own = {RUN_HEADER: str(self.execution_id)} if self.execution_id else {}
        return {**self.headers, **SAFE_HEADERS, **own}


class Refusal(Exception):
    """A request that gets no answer of a script: a problem document (RFC 9457) says why, and nothing of our insides."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        execution_id: UUID | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.execution_id, self.errors = dict(headers or {}), execution_id, errors or []

    def reply(self) -> Reply:
        document: dict[str, Any] = {
            "type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status, "code": self.code,
            "request_id": logs.request_id.get(),
        }  # fmt: skip
        if self.detail:
            document["detail"] = self.detail
        if self.execution_id:
            document["execution_id"] = str(self.execution_id)
        if self.errors:
            document["errors"] = self.errors
        headers = {"Content-Type": "application/problem+json", **self.headers}
        return Reply(self.status, headers, json.dumps(document, ensure_ascii=False).encode(), self.execution_id)


def not_found() -> Refusal:
    """One answer, whether the business, the path or what is behind it does not exist, or is switched off."""
    return Refusal(404, "NOT_FOUND", "Nothing answers here.")
