"""Everything `make` needs before it can do its work. Standard library only: nothing is installed yet when this runs."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  the interpreter of a newcomer may be any
    raise SystemExit("Dastgoh needs Python 3.11 or later. Name one: make PYTHON=/path/to/python3.11 …")
