"""The beginning and the end of a process that runs scripts: what it warms up, and what it must not leave behind."""

import gc

from flask import Flask

from services import engines, hands, meters, wiring


def warm(app: Flask) -> None:
    """So that the first run of a server process does not pay for its engines, and what it counts is sent on from the start."""
    engines.engines_of(app)
    hands.hands_of(app).steward.wake()
    gc.collect()
    gc.freeze()  # what was loaded at the start is never garbage: looking through it again and again would hold up runs


def close(app: Flask) -> None:
    """Running work may finish for DRAIN_SECONDS. Safe where nothing was opened."""
    hands.close(app)
    engines.close(app)
    wiring.close(app)
    meters.flush(app.extensions["redis"])
