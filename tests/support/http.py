"""A browser without a window: keeps cookies, fills in the form token, remembers nothing else."""

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Browser:
    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self._token = ""

    def get(self, path: str, **options: Any) -> TestResponse:
        answer = self.client.get(path, **options)
        if answer.mimetype == "text/html" and (found := _TOKEN.search(answer.text)):
            self._token = found.group(1)
        return answer

    def post(self, path: str, /, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        if not self._token:
            self.get("/sign-in", follow_redirects=True)
        answer = self.client.post(path, data={"csrf_token": self._token, **fields}, headers=headers)
        self._token = ""  # a new session has a new token
        return answer
