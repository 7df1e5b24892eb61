"""Measurements: `python -m bench NAME [--json]`. Each module gives `measure() -> dict`.

One with `PARTS` can measure some of them alone: `--parts A,B`, `measure(("A", "B"))`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def percentiles(times_ms: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times_ms)
    return {"p50": round(ordered[len(ordered) // 2], 4), "p95": round(ordered[int(len(ordered) * 0.95)], 4)}


Measure = Callable[[], dict[str, object]]
