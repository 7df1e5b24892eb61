from collections.abc import Iterator

import pytest

from runtime import Limits, Runtime, RuntimeConfig


@pytest.fixture(scope="session")
def rt() -> Iterator[Runtime]:
    """One pool for most tests: what one test does to it must not show in the next."""
    runtime = Runtime(RuntimeConfig(pool_size=4, limits=Limits(timeout_ms=10_000)))
    yield runtime
    runtime.close()
