"""A Chromium for the browser tests: the machine's own, or Debian's where that can be installed unasked."""

import os
import shutil
from collections.abc import Mapping

from tools.setup.system import apt_install, say

# The first has no window, tabs or extensions to look after, and so leaves more of a small machine to the pages.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium(environ: Mapping[str, str] = os.environ) -> str | None:
    chosen = environ.get("CHROMIUM")
    if chosen:
        return shutil.which(chosen)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def chromium() -> None:
    if find_chromium() or any(apt_install(name) and find_chromium() for name in NAMES[:2]):
        return
    say("no Chromium here, and it cannot be installed unasked: browser tests will be skipped (and fail where CI=true).")
    say("Install it (Debian: sudo apt-get install chromium-headless-shell) or name one in the variable CHROMIUM.")
