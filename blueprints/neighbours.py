"""Where the pages before and after one of an endless list are, with its filters kept."""

from typing import Any

from flask import url_for

from services.paging import Page


def neighbours(page: Page[Any], endpoint: str, **kept: Any) -> dict[str, Any]:
    """For ui.keyset_pagination. Nothing is newer than the first page, and only there."""
    return {
        "newer": _at(endpoint, kept, page.newer_cursor),
        "older": _at(endpoint, kept, page.next_cursor),
    }


def _at(endpoint: str, kept: dict[str, Any], cursor: str | None) -> str | None:
    return None if cursor is None else url_for(endpoint, **kept, cursor=cursor or None)
