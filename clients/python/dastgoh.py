"""A client of Dastgoh's JSON API in one file, for Python 3.9 and later, with nothing to install. Copy it into your project.

dastgoh = Dastgoh("https://scripts.example.com", token)
total = dastgoh.run("Price an order", {"order": 17})
dastgoh.publish("order.created", {"id": 17}, id="order-17-created")
for run in dastgoh.pages("/executions", status="failed"):
    print(run["id"], run["error_code"])
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

ATTEMPTS = 4
LONGEST_PAUSE_S = 60.0


class Problem(Exception):
    """The API said no. `code` is for programs; `execution_id` is there where a run was made."""

    def __init__(self, status: int, said: dict[str, Any]) -> None:
        super().__init__(f"{status} {said.get('code', '')}: {said.get('detail') or said.get('title', '')}")
        self.status = status
        self.code: str = said.get("code", "")
        self.detail: str = said.get("detail", "")
        self.errors: list[dict[str, str]] = said.get("errors", [])
        self.execution_id: str | None = said.get("execution_id")
        self.retryable: bool = said.get("retryable", False)
        self.request_id: str = said.get("request_id", "")


class Dastgoh:
    def __init__(self, address: str, token: str, timeout: float = 310) -> None:
        if not address.startswith(("http://", "https://")):
            raise ValueError("the address begins with https:// or http://")
        self._base = address.rstrip("/") + "/api/v1"
        self._token, self._timeout = token, timeout

    def run(self, name: str, input: Any = None) -> Any:
        """Calls a script by its name; what it returned, or a Problem with its error code."""
        return self.request("POST", "/scripts/run/" + quote(name, safe=""), {"input": input})["output"]

    def publish(self, type: str, data: Any = None, id: str | None = None) -> dict[str, Any]:
        """Publishes an event. With an id of your own it happens once, however often it is sent."""
        return self.publish_many([{"type": type, "data": data, "id": id}])[0]

    def publish_many(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Up to 500 at once: all of them, or none."""
        items: list[dict[str, Any]] = self.request("POST", "/events", {"events": events})["items"]
        return items

    def pages(self, path: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, read page by page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.request("GET", path, query={**filters, "cursor": cursor})
            yield from page["items"]
            cursor = page["next_cursor"]

    def read(self, path: str) -> tuple[Any, str]:
        """What stands there, and its tag: `if_match` with it changes nothing that somebody has changed since."""
        return self._send(self._request("GET", path))

    def request(self, method: str, path: str, body: Any = None, *, query: dict[str, Any] | None = None,
                if_match: str = "") -> Any:  # fmt: skip
        """Any operation of the API. What may be sent again is: a POST has its own key, so nothing is done twice."""
        return self._send(self._request(method, path, body, query, if_match))[0]

    def _request(self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None,
                 if_match: str = "") -> Request:  # fmt: skip
        address = self._base + path + ("?" + urlencode(query) if query else "")
        headers = {"Authorization": "Bearer " + self._token, "Accept": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if if_match:
            headers["If-Match"] = if_match
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        return Request(address, data, headers, method=method)  # noqa: S310  the scheme was looked at

    def _send(self, request: Request) -> tuple[Any, str]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                    return json.loads(answer.read() or b"null"), answer.headers.get("ETag", "")
            except HTTPError as refusal:
                with refusal:
                    problem, pause = Problem(refusal.code, _said(refusal)), refusal.headers.get("Retry-After")
                if attempt == ATTEMPTS or problem.execution_id or not _passes(problem.status, attempt):
                    raise problem from None
                # A proxy may say a date where we say seconds.
                time.sleep(min(float(pause) if pause and pause.isdecimal() else attempt, LONGEST_PAUSE_S))
            except (OSError, HTTPException):  # no connection, or one that broke off: nobody knows what was done
                if attempt == ATTEMPTS:
                    raise
                time.sleep(0.5 * 2**attempt)


def _passes(status: int, attempt: int) -> bool:
    """Too busy; or the first attempt, whose answer we did not get, still goes on."""
    return status in (429, 503) or (status == 409 and attempt > 1)


def _said(refusal: HTTPError) -> dict[str, Any]:
    try:
        said = json.loads(refusal.read())
    except ValueError:  # a proxy's own page
        said = None
    return said if isinstance(said, dict) else {"title": refusal.reason}
