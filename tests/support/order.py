"""Quick tests first: whoever waits for the suite should hear of a plain mistake in seconds, not after the browser."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (_has(item, "browser"), _has(item, "slow")))


def _has(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None
