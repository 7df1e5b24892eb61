"""Every text in three languages: the catalogues are complete, and readers get what they hold."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from flask import Flask
from flask_babel import force_locale, ngettext

from blueprints import formats
from tests.support.http import Browser
from tools import check_translations
from tools.check_translations import LANGUAGES, catalogue, extracted, problems, problems_of

on_one_database = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def texts() -> Catalog:
    return extracted()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_complete_and_well_made(language: str, texts: Catalog) -> None:
    assert list(problems(language, catalogue(language), texts)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Users and roles",  # a lazy label in Python
        "Skip to content",  # a template
        "This password is too easy to guess.",  # a refusal of a service
        "Too many attempts. Try again in %(seconds)s s.",  # a refusal whose sentence is its second argument
        "Not a valid choice.",  # WTForms
    ],
)
def test_it_collects_texts_from_everywhere(text: str, texts: Catalog) -> None:
    assert text in texts


def test_it_notices_a_text_that_is_not_collected_and_one_that_is_gone(texts: Catalog) -> None:
    words = Catalog(locale="en")
    words.add("Nobody says this")
    found = list(problems("en", words, texts))
    assert "not collected yet, run `make messages`: 'Skip to content'" in found
    assert "no longer in the code, run `make messages`: 'Nobody says this'" in found


@pytest.mark.parametrize(
    ("language", "source", "target", "problem"),
    [
        ("ru", "Save", "", "missing"),
        ("ru", "Hello, %(name)s", "Привет, %(nmae)s", "placeholders differ"),
        ("uz", "Selected: {count}", "Tanlandi", "placeholders differ"),
        ("ru", "Saved.", "Сохранено", "ends with another mark"),
        ("ru", " before", "до", "other spaces around it"),
        ("ru", "Save", "Save", "still English"),
        ("ru", "Save", "Saqlash", "still English"),
        ("uz", "Save", "Save", "still English"),
        ("uz", "Delete", "O'chirish", "oʻ and gʻ take ʻ (U+02BB), the tutuq belgisi is ʼ (U+02BC)"),
        ("uz", "Delete", "O`chirish", "oʻ and gʻ take ʻ (U+02BB), the tutuq belgisi is ʼ (U+02BC)"),
        ("uz", "Delete", "O‘chirish", "oʻ and gʻ take ʻ (U+02BB), the tutuq belgisi is ʼ (U+02BC)"),
        ("uz", "Meaning", "Maʻno", "oʻ and gʻ take ʻ (U+02BB), the tutuq belgisi is ʼ (U+02BC)"),
        ("uz", "Save", "Сақлаш", "Cyrillic letters"),
    ],
)
def test_it_finds_the_fault(language: str, source: str, target: str, problem: str) -> None:
    assert problem in problems_of(language, Message(source, target), 2)


def test_it_does_not_trust_a_guess() -> None:
    assert list(problems_of("ru", Message("Save", "Сохранить", flags=["fuzzy"]), 3)) == ["fuzzy"]


def test_it_wants_every_plural_form() -> None:
    keys = ("%(num)s key", "%(num)s keys")
    assert list(problems_of("ru", Message(keys, ("%(num)s ключ", "%(num)s ключа", "")), 3)) == ["needs 3 plural forms"]
    assert list(problems_of("en", Message(keys, ("", "")), 2)) == ["needs 2 plural forms"]


@pytest.mark.parametrize(
    ("language", "source", "target"),
    [
        ("en", "Save", ""),
        ("ru", "d", "дн."),
        ("ru", "HTTP", "HTTP"),
        ("uz", "Meaning of “%(name)s”", "“%(name)s” maʼnosi, oʻzi, togʻ"),
    ],
)
def test_it_leaves_good_translations_alone(language: str, source: str, target: str) -> None:
    assert list(problems_of(language, Message(source, target), 2)) == []


def test_an_update_keeps_translations_and_drops_what_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language in LANGUAGES:
        path = tmp_path / f"{language}.po"
        path.write_text('msgid "Skip to content"\nmsgstr "Kept"\n\nmsgid "Nobody says this"\nmsgstr "Gone"\n')
    monkeypatch.setattr(check_translations, "path_of", lambda language: tmp_path / f"{language}.po")
    check_translations.update()
    updated = catalogue("uz")
    assert (updated["Skip to content"].string, updated["Audit log"].string) == ("Kept", "")
    assert "Nobody says this" not in (tmp_path / "uz.po").read_text()


@on_one_database
@pytest.mark.parametrize(
    ("language", "words"), [("ru", ["1 право", "2 права", "5 прав", "21 право"]), ("uz", ["1 ta huquq", "2 ta huquq"])]
)
def test_numbers_take_the_right_form(app: Flask, language: str, words: list[str]) -> None:
    with app.test_request_context(), force_locale(language):
        numbers = [int(word.split()[0]) for word in words]
        assert [ngettext("%(num)s permission", "%(num)s permissions", number) for number in numbers] == words


@on_one_database
@pytest.mark.parametrize(
    ("language", "day", "earlier_this_year", "length"),
    [
        ("ru", "5 мая 2026", "5 мая 19:03", "1\u00a0мин 12\u00a0с"),
        ("uz", "5-may, 2026", "5-may 19:03", "1\u00a0daq. 12\u00a0son."),
    ],
)
def test_dates_and_lengths_read_as_they_are_written_there(
    app: Flask, language: str, day: str, earlier_this_year: str, length: str
) -> None:
    instant, now = datetime(2026, 5, 5, 14, 3, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    with app.test_request_context(), force_locale(language):
        assert (formats.date(instant), formats.moment(instant, now)) == (day, earlier_this_year)
        assert formats.duration(72_000) == length


@on_one_database
@pytest.mark.parametrize(
    ("language", "too_long", "missing"),
    [
        ("en", "Field cannot be longer than 254 characters.", "This field is required."),
        ("ru", "Не больше 254 символов.", "Заполните это поле."),
        ("uz", "Koʻpi bilan 254 ta belgi.", "Bu maydonni toʻldiring."),
    ],
)
def test_validators_speak_the_language_of_the_reader(
    stranger: Browser, language: str, too_long: str, missing: str
) -> None:
    answer = stranger.post("/sign-in", headers={"Accept-Language": language}, email="a" * 255, password="")
    assert too_long in answer.text
    assert missing in answer.text


@on_one_database
@pytest.mark.parametrize(
    ("language", "sentence"),
    [("ru", "Почта или пароль не подходят."), ("uz", "Elektron pochta yoki parol mos kelmadi.")],
)
def test_refusals_of_services_speak_it_as_well(stranger: Browser, language: str, sentence: str) -> None:
    answer = stranger.post(
        "/sign-in", headers={"Accept-Language": language}, email="nobody@acme.test", password="wrong password"
    )
    assert sentence in answer.text
