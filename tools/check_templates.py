"""Find in templates what reviews overlook: text without translation, and what the Content-Security-Policy would block.

python tools/check_templates.py [FOLDER]: prints file:line and the reason, and fails if there is any."""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, nodes

READ_BY_PEOPLE = {"title", "aria-label", "placeholder", "alt", "aria-description"}
NOT_PROSE = {"code", "kbd", "script", "style", "pre", "svg"}
DEVELOPMENT_ONLY = "dev"  # its sample words are read by developers alone
NAMES = {"Dastgoh"}
# Macros whose first argument, or whose argument of one of these names, is shown or read out.
SHOW_FIRST = {"button", "link_button", "icon_button", "card", "stat", "banner", "toast", "badge", "tooltip", "actions"}
SHOW_NAMED = {"label", "title", "text", "hint", "note", "legend"}
WORD = re.compile(r"[^\W\d_]{2,}")
JINJA = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
FORBIDDEN = (
    (re.compile(r"\bhx-on\b"), "hx-on needs eval, which the policy blocks"),
    (re.compile(r"\bhx-(vals|headers|vars)(:\w+)*=['\"]\s*(js|javascript):"), "js: values need eval"),
    (re.compile(r"\bhx-trigger=\"(?:[^\"]*,)?\s*[\w:.-]+\["), "trigger filters need eval"),
    (re.compile(r"\|\s*safe\b"), "|safe turns escaping off"),
    (re.compile(r"{%-?\s*autoescape\s+false"), "escaping stays on"),
)


class Fault(NamedTuple):
    line: int
    reason: str


def faults_in(source: str, development_only: bool = False) -> list[Fault]:
    """Every fault of one template, in order."""
    found = [*_forbidden(source), *_markup(source, development_only)]
    if not development_only:
        found += _literals(source)
    return sorted(set(found))


def _forbidden(source: str) -> Iterator[Fault]:
    code = re.sub(r"{#.*?#}", _blank, source, flags=re.DOTALL)
    for pattern, reason in FORBIDDEN:
        for match in pattern.finditer(code):
            yield Fault(code.count("\n", 0, match.start()) + 1, reason)


def _markup(source: str, development_only: bool) -> list[Fault]:
    reader = _Reader(check_text=not development_only)
    reader.feed(JINJA.sub(_blank, source))
    reader.close()
    return reader.faults


def _blank(match: re.Match[str]) -> str:
    """A blank where Jinja stood keeps lines; a nonce that Jinja writes must still be seen."""
    kept = "NONCE" if "csp_nonce" in match[0] else " "
    return kept + "\n" * match[0].count("\n")


class _Reader(HTMLParser):
    def __init__(self, check_text: bool) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        self._check_text = check_text
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NOT_PROSE:
            self._silent.append(tag)
        if tag in ("script", "style") and not dict(attrs).get("nonce"):
            self._blame(f"<{tag}> without a nonce")
        for name, value in attrs:
            self._check_attribute(name, value or "")

    def _check_attribute(self, name: str, value: str) -> None:
        if name.startswith("on"):
            self._blame(f"inline handler {name}")
        if name == "style":
            self._blame("inline style; use a class or an SVG attribute")
        if name in ("href", "src", "action") and value.strip().lower().startswith("javascript:"):
            self._blame("a script as an address")
        if self._check_text and name in READ_BY_PEOPLE and WORD.search(value):
            self._blame(f"untranslated {name}: {value.strip()!r}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._check_text or self._silent:
            return
        for offset, line in enumerate(data.split("\n")):
            if WORD.search(line) and line.strip(" ·") not in NAMES:
                self._blame(f"untranslated text: {line.strip()!r}", offset)

    def _blame(self, reason: str, offset: int = 0) -> None:
        self.faults.append(Fault(self.getpos()[0] + offset, reason))


def _literals(source: str) -> Iterator[Fault]:
    """Plain strings handed to macros that show them."""
    tree = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True).parse(source)
    for call in tree.find_all(nodes.Call):
        name = call.node.attr if isinstance(call.node, nodes.Getattr) else getattr(call.node, "name", "")
        shown = call.args[:1] if name in SHOW_FIRST else []
        shown = [*shown, *(keyword.value for keyword in call.kwargs if keyword.key in SHOW_NAMED)]
        for value in shown:
            if isinstance(value, nodes.Const) and isinstance(value.value, str) and WORD.search(value.value):
                yield Fault(value.lineno, f"untranslated argument of {name}: {value.value!r}")


def check(folder: Path) -> list[str]:
    """All faults below a folder, as lines to print."""
    return [
        f"{path}:{fault.line}: {fault.reason}"
        for path in sorted(folder.rglob("*.html"))
        for fault in faults_in(path.read_text(), DEVELOPMENT_ONLY in path.relative_to(folder).parts)
    ]


if __name__ == "__main__":
    lines = check(Path(sys.argv[1] if len(sys.argv) > 1 else "templates"))
    print("\n".join(lines) or "templates: nothing found")
    sys.exit(bool(lines))
