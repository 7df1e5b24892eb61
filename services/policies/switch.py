"""SCRIPTS_ENABLED=false stops every run, whatever started it."""

from collections.abc import Callable

from runtime import Outcome
from services.calls import Call
from services.errors import FeatureDisabled
from services.wiring import settings


def switch(run: Callable[[Call], Outcome], call: Call) -> Outcome:
    if not settings().scripts_enabled:
        raise FeatureDisabled("Scripts are switched off here.")
    return run(call)
