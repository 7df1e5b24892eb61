"""What is wrong with a source before it runs. Syntax comes from the engine itself; names scripts do not have are only
warnings, for the sandbox is the guard, not this list."""

import re
from dataclasses import dataclass

from services.engines import engines

FORBIDDEN = (
    "eval", "Function", "WebAssembly", "SharedArrayBuffer", "Atomics", "fetch", "XMLHttpRequest", "WebSocket", "process",
    "require", "import", "importScripts", "__dirname", "__filename",
)  # fmt: skip
MOST_WARNINGS = 50

# Strings, templates, comments and regular expressions hide names that are not used; what remains is looked at.
_HIDDEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""", re.DOTALL)
_NAME = re.compile(rf"(?<![\w$.])({'|'.join(map(re.escape, FORBIDDEN))})(?![\w$])(?!\s*:)")


@dataclass(frozen=True)
class Problem:
    code: str
    message: str
    line: int
    column: int
    end_line: int
    end_column: int
    severity: str  # error, warning
    name: str = ""


def validate(source: str) -> list[Problem]:
    """The syntax error, if there is one, then uses of names that do not exist in a script."""
    error = engines().validate(source)
    problems = []
    if error:
        line, column = error.line or 1, error.column or 1
        problems.append(Problem(error.code, error.message, line, column, line, column + 1, "error"))
    return problems + _forbidden(source)


def syntax_error(source: str) -> Problem | None:
    return next((problem for problem in validate(source) if problem.severity == "error"), None)


def _forbidden(source: str) -> list[Problem]:
    visible = _HIDDEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    problems = []
    for match in _NAME.finditer(visible):
        line = visible.count("\n", 0, match.start()) + 1
        column = _units(visible[visible.rfind("\n", 0, match.start()) + 1 : match.start()]) + 1
        problems.append(Problem("FORBIDDEN_NAME", "A script has no %(name)s.", line, column, line,
                                column + len(match[0]), "warning", match[0]))  # fmt: skip
        if len(problems) == MOST_WARNINGS:
            break
    return problems


def _units(text: str) -> int:
    """Editors and engines count UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
