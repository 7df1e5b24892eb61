"""What every command, server and worker goes through first."""

import subprocess
import sys
from pathlib import Path


def test_what_was_imported_is_not_looked_through_for_garbage_and_what_comes_after_is() -> None:
    said = "import app, gc; print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    ran = subprocess.run([sys.executable, "-c", said], cwd=Path(__file__).parents[1], capture_output=True, text=True)

    assert ran.stdout.split() == ["True", "True"]
