"""What is chosen out of a few, in an address or a form that anybody may have written by hand."""

from collections.abc import Mapping
from typing import TypeVar

from services.errors import Invalid

Meaning = TypeVar("Meaning")


def meaning_of(chosen: str, choices: Mapping[str, Meaning], field: str) -> Meaning:
    """Refused where nobody offers it: taken for no choice it would mean everything there is."""
    if chosen not in choices:
        raise Invalid("There is no such choice.", field=field)
    return choices[chosen]
