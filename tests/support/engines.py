"""One pool of engines for all tests: making one for each would take longer than most of what is tested with them."""

from collections.abc import Iterator
from typing import Any

import pytest

from runtime import Runtime
from services.engines import config_for
from settings import Settings


class SharedEngines:
    """Made at the first use; closing it is left to the end of all tests, not of one."""

    def __init__(self) -> None:
        self.made: Runtime | None = None

    def __getattr__(self, name: str) -> Any:
        if self.made is None:
            self.made = Runtime(config_for(Settings.from_env({})))
        return getattr(self.made, name)

    def close(self, drain_seconds: float | None = None) -> None:
        """A run that a test left behind ends with it all the same: hands wait for their runs."""


@pytest.fixture(scope="session")
def shared_engines() -> Iterator[SharedEngines]:
    shared = SharedEngines()
    yield shared
    if shared.made:
        shared.made.close(0)
