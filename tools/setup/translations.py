"""Compile the catalogues that changed: gettext reads .mo files, and those are never committed."""

from pathlib import Path

from tools.setup.python import VENV
from tools.setup.stamps import Step
from tools.setup.system import ROOT, STATE, run


def catalogues() -> None:
    for source in sorted((ROOT / "translations").glob("*/LC_MESSAGES/*.po")):
        _step(source).ensure()


def _step(source: Path) -> Step:
    compiled = source.with_suffix(".mo")
    language = source.parts[-3]
    command = [VENV / "bin/pybabel", "-q", "compile", "-l", language, "-i", source, "-o", compiled]
    return Step(
        title=f"translations ({language})",
        stamp=STATE / f"{language}-{source.stem}.stamp",
        inputs=[source],
        outputs=[compiled],
        action=lambda: run(command, what=f"Compiling {source.relative_to(ROOT)}"),
    )
