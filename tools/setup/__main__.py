"""`python3 -m tools.setup [run|test]`: what `make run` or `make test` need, installed and built; nothing twice.

`python3 -m tools.setup lock` resolves the lock files again.
"""

import argparse
import sys

from tools.setup import browser, frontend, locks, python, translations
from tools.setup.system import SetupError, alone


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools.setup", description="Install and build what the project needs.")
    parser.add_argument("task", choices=("run", "test", "lock"), nargs="?", default="run")
    task = parser.parse_args().task
    try:
        with alone():
            if task == "lock":
                locks.resolve()
            else:
                prepare(task)
    except SetupError as error:
        print(f"Set-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def prepare(profile: str) -> None:
    python.packages(profile)
    frontend.assets()
    translations.catalogues()
    if profile == "test":
        frontend.test_packages()
        browser.chromium()


if __name__ == "__main__":
    sys.exit(main())
