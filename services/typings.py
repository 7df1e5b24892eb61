"""The documentation of the SDK, read from the `.d.ts` files beside each host API.

A comment there says everything three times, behind `@en`, `@ru` and `@uz`. From it come the typings the editor loads,
in the reader's language, and the pages `docs/sdk*.md`. The files are declarations of globals, one interface a part.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ru", "uz")
FOLDER = Path(__file__).parent.parent / "runtime" / "host"

# Interfaces reached from a global of another name; the rest are found through the properties of these.
GLOBALS = {"Sdk": "sdk", "Console": "console", "Context": "context"}
PLAIN_TYPES = ("Http", "Db")
PAGES = {"en": "sdk.md", "ru": "sdk.ru.md", "uz": "sdk.uz.md"}
TITLES = {"en": "What a script can call", "ru": "Что может вызвать скрипт", "uz": "Skript nimalarni chaqira oladi"}

_COMMENT = re.compile(r"([ \t]*)/\*\*(.*?)\*/\n?", re.DOTALL)
_TAG = re.compile(r"(?:^|(?<=\s))@(en|ru|uz|param|example|returns|throws)\b[ \t]*")
_INTERFACE = re.compile(r"(?:declare )?interface (\w+)[^{\n]*\{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_MEMBER = re.compile(r"(?:^[ \t]*/\*\*(?P<comment>(?:(?!\*/).)*)\*/\n)?^[ \t]*(?P<signature>(?:readonly )?(?P<name>\w+)\??"
                     r"[^\n;]*);", re.DOTALL | re.MULTILINE)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """Something a script can write, such as `sdk.http.get`."""

    path: str
    signature: str
    comment: str

    @property
    def is_call(self) -> bool:
        return "(" in self.signature

    @property
    def example(self) -> str | None:
        return next((text for tag, text in _sections(self.comment) if tag == "example"), None)

    def text(self, language: str) -> str:
        """What it does; without a text of its own language, what is written outside all languages."""
        return "\n".join(_description(self.comment, language))


@cache
def typings(language: str) -> str:
    """All declarations as one `.d.ts` text whose comments speak one language."""
    return "\n".join(_in_language(source, language) for source in _sources())


def documentation(language: str) -> str:
    """The reference page in Markdown: one chapter for each part, one section for each member."""
    lines = [f"# {TITLES[language]}", ""]
    for member in members():
        lines += [f"{'###' if member.path.count('.') > 1 else '##'} {member.path}", ""]
        lines += [member.text(language), ""] if member.text(language) else []
        lines += ["```ts", member.signature, "```", ""]
        lines += ["```js", member.example, "```", ""] if member.example else []
    return "\n".join(lines)


def write_documentation(folder: Path) -> None:
    for language, name in PAGES.items():
        (folder / name).write_text(documentation(language), encoding="utf-8")


@cache
def members() -> tuple[Member, ...]:
    """Every member of every global in the order of the files, then of the types their signatures speak of."""
    interfaces = _interfaces()
    reached = [member for name, path in GLOBALS.items() for member in _members_of(name, path, interfaces)]
    spoken_of = {word for member in reached for word in re.findall(r"\w+", member.signature)}
    return (*reached, *(
        member for name in interfaces if name.startswith(PLAIN_TYPES) and name in spoken_of
        for member in _members_of(name, name, interfaces)
    ))  # fmt: skip


def _members_of(interface: str, path: str, interfaces: dict[str, str]) -> Iterator[Member]:
    for match in _MEMBER.finditer(interfaces[interface]):
        signature = " ".join(match["signature"].split())
        yield Member(f"{path}.{match['name']}", signature, match["comment"] or "")
        kind = re.fullmatch(r"readonly \w+\??: (\w+)(?: \| null)?", signature)
        if kind is not None and kind[1] in interfaces:
            yield from _members_of(kind[1], f"{path}.{match['name']}", interfaces)


def _interfaces() -> dict[str, str]:
    """The bodies by name; one declared in several files is the sum of them, and what it extends comes first."""
    bodies: dict[str, str] = {}
    for source in _sources():
        for match in _INTERFACE.finditer(source):
            base = re.search(rf"interface {match[1]} extends (\w+)", source)
            inherited = bodies.get(base[1], "") if base else ""
            bodies[match[1]] = bodies.get(match[1], inherited) + match[2]
    return bodies


def _sources() -> list[str]:
    return [file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.d.ts"))]


def _in_language(source: str, language: str) -> str:
    return _COMMENT.sub(lambda match: _comment(match[1], match[2], language), source)


def _comment(indent: str, comment: str, language: str) -> str:
    lines = _description(comment, language)
    for tag, text in _sections(comment):
        if tag == "example":
            lines += ["@example", *text.split("\n")]
        elif tag.startswith("param"):
            lines += [f"@{tag} {' '.join(_description(text, language))}"]
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n" if body else ""


def _description(comment: str, language: str) -> list[str]:
    sections = _sections(comment)
    texts = [text for tag, text in sections if tag == language] or [text for tag, text in sections if not tag]
    return [line.strip() for line in texts[0].split("\n")] if texts and texts[0] else []


def _sections(comment: str) -> list[tuple[str, str]]:
    """`(tag, text)` pairs. A `@param` keeps the languages inside it as its text; text before any tag has tag ''."""
    text = "\n".join(re.sub(r"^[ \t]*\* ?", "", line) for line in comment.split("\n"))
    sections = [("", text[: (first.start() if (first := _TAG.search(text)) else len(text))].strip())]
    for match in _TAG.finditer(text):
        following = _TAG.search(text, match.end())
        content = text[match.end() : following.start() if following else len(text)].strip("\n").rstrip()
        if match[1] == "param":
            name, _, rest = content.partition("\n")
            sections.append((f"param {name.strip()}", rest.strip()))
        elif sections[-1][0].startswith("param") and match[1] in LANGUAGES:
            name, inside = sections.pop()
            sections.append((name, f"{inside} @{match[1]} {' '.join(content.split())}"))
        else:
            sections.append((match[1], content))
    return sections


if __name__ == "__main__":
    write_documentation(FOLDER.parent.parent / "docs")
