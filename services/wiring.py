"""What services need of the process they run in: its settings and its connection to Redis."""

from typing import cast

from flask import current_app
from redis import Redis

from settings import Settings


def settings() -> Settings:
    return cast(Settings, current_app.extensions["settings"])


def redis() -> "Redis":
    return cast("Redis", current_app.extensions["redis"])
