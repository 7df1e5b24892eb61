"""The catalogues hold every text of the code, in every language, well made. Prints what is wrong, one line each.

With --update it first collects the texts of the code into the catalogues; that is `make messages`.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import wtforms
from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
LANGUAGES = ("en", "ru", "uz")
# Services raise errors with an English sentence, and pages look it up: those sentences are texts as well.
REFUSALS = (
    "ServiceError",
    "NotFound",
    "Forbidden",
    "Invalid",
    "Conflict",
    "QuotaExceeded:2",
    "FeatureDisabled",
    "__init__",
    "RateLimited:2",
    "CronError",
    "InputFault",
)
KEYWORDS = {**DEFAULT_KEYWORDS, **parse_keywords(("_l", "lazy_gettext", *REFUSALS))}

PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]|(?<!\{)\{\w+\}(?!\})")
LETTERS = re.compile(r"[^\W\d_]")
CYRILLIC = re.compile(r"[А-Яа-яЁё]")
# The letters oʻ and gʻ are written with U+02BB, the hard sign of maʼno with U+02BC; keyboards and editors offer these instead.
WRONG_APOSTROPHE = re.compile(r"\w['`´‘’′]|['`´‘’′]\w")
WRONG_TURNED_COMMA = re.compile(r"(?<![OoGg])ʻ")
ENDINGS = (".", "?", "!", ":", "…")
# Names and signs that are the same in every language.
INTERNATIONAL = {
    "API",
    "Administrator",
    "B",
    "Cron",
    "GB",
    "HTTP",
    "ID",
    "IP",
    "JSON",
    "KB",
    "MB",
    "SQL",
    "URL",
    "id",
    "ms",
}


def extracted() -> Catalog:
    """Every text of the code, as of now, and what WTForms says under fields: it speaks no Uzbek by itself."""
    with (ROOT / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)
    found = Catalog(project="Dastgoh", charset="utf-8")
    _collect(found, ROOT, methods, options)
    _collect(found, Path(wtforms.__file__).parent, [("**.py", "python")], {}, under="wtforms/")
    return found


def _collect(found: Catalog, root: Path, methods: list[Any], options: dict[str, Any], under: str = "") -> None:
    for path, _line, message, comments, context in extract_from_dir(
        root, methods, options, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True,
        directory_filter=_is_ours,
    ):  # fmt: skip
        found.add(message, None, [(under + path, 0)], auto_comments=comments, context=context)


def _is_ours(directory: str | os.PathLike[str]) -> bool:
    """No walk through what set-up and running left here."""
    return not Path(directory).name.startswith((".", "_", "node_modules", "data", "static"))


def path_of(language: str) -> Path:
    return ROOT / "translations" / language / "LC_MESSAGES" / "messages.po"


def catalogue(language: str) -> Catalog:
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def update() -> None:
    for language in LANGUAGES:
        words, current = catalogue(language), extracted()
        current.creation_date = words.creation_date  # a file changes when its texts do
        words.update(current, no_fuzzy_matching=True)
        with path_of(language).open("wb") as file:
            write_po(file, words, width=0, sort_by_file=True, include_lineno=False, ignore_obsolete=True)


def problems(language: str, words: Catalog, current: Catalog) -> Iterator[str]:
    """What a reader of this language would stumble over."""
    texts = {message.id: message for message in words if message.id}
    wanted = {message.id for message in current if message.id}
    yield from (f"not collected yet, run `make messages`: {_name(id_)}" for id_ in wanted - texts.keys())
    yield from (f"no longer in the code, run `make messages`: {_name(id_)}" for id_ in texts.keys() - wanted)
    for message in texts.values():
        yield from (f"{problem}: {_name(message.id)}" for problem in problems_of(language, message, words.num_plurals))


def problems_of(language: str, message: Message, plurals: int) -> Iterator[str]:
    sources = message.id if isinstance(message.id, tuple) else (message.id,)
    targets = message.string if isinstance(message.string, tuple) else (message.string,)
    if message.fuzzy:
        yield "fuzzy"
    if message.pluralizable and (len(targets) != plurals or not all(targets)):
        yield f"needs {plurals} plural forms"
    elif not all(targets):
        # English texts stand in the code; only its plurals need words.
        if language != "en":
            yield "missing"
    else:
        for index, target in enumerate(targets):
            yield from _differences(sources[min(index, len(sources) - 1)], target)
            yield from _misspellings(language, target, sources)


def _differences(source: str, target: str) -> Iterator[str]:
    if sorted(PLACEHOLDER.findall(source)) != sorted(PLACEHOLDER.findall(target)):
        yield "placeholders differ"
    if _spaces(source) != _spaces(target):
        yield "other spaces around it"
    if _ending(source) != _ending(target) and not _is_abbreviation(target):
        yield "ends with another mark"


def _spaces(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def _ending(text: str) -> str:
    return next((mark for mark in ENDINGS if text.rstrip().endswith(mark)), "")


def _is_abbreviation(text: str) -> bool:
    """“дн.” for “d”."""
    return len(text) <= 4 and text.endswith(".")


def _misspellings(language: str, target: str, sources: tuple[str, ...]) -> Iterator[str]:
    words = PLACEHOLDER.sub("", target)
    if language == "en" or not LETTERS.search(words) or target in INTERNATIONAL:
        return
    if target in sources or (language == "ru" and not CYRILLIC.search(words)):
        yield "still English"
    if language == "uz" and (WRONG_APOSTROPHE.search(words) or WRONG_TURNED_COMMA.search(words)):
        yield "oʻ and gʻ take ʻ (U+02BB), the tutuq belgisi is ʼ (U+02BC)"
    if language == "uz" and CYRILLIC.search(words):
        yield "Cyrillic letters"


def _name(id_: str | tuple[str, ...]) -> str:
    return repr(id_ if isinstance(id_, str) else id_[0])


def main() -> int:
    if "--update" in sys.argv:
        update()
    current = extracted()
    wrong = [f"{path_of(language).relative_to(ROOT)}: {problem}" for language in LANGUAGES
             for problem in problems(language, catalogue(language), current)]  # fmt: skip
    print(*sorted(wrong), sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
