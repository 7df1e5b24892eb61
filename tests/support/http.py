"""A browser without a window: keeps cookies, fills in the form token, remembers nothing else."""

import re
from typing import Any

from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from werkzeug.test import TestResponse

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')

IN_CHUNKS = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
"""What the server says of a body whose length nobody announced: for `environ_overrides`."""


class Browser:
    def __init__(self, app: Flask) -> None:
        self.app, self.client = app, app.test_client()
        self._token = ""

    def get(self, path: str, **options: Any) -> TestResponse:
        answer = self.client.get(path, **options)
        if answer.mimetype == "text/html" and (found := _TOKEN.search(answer.text)):
            self._token = found.group(1)
        return answer

    def post(self, path: str, /, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        answer = self.client.post(
            path, data={"csrf_token": self._token or self._new_token(), **fields}, headers=headers
        )
        self._token = ""  # a new session has a new token
        return answer

    def _new_token(self) -> str:
        """As a page would have one; rendering it takes longer than most of what is posted."""
        with self.client.session_transaction() as kept, self.app.test_request_context():
            session.update(kept)
            token = str(generate_csrf())
            kept.update(session)
        return token
