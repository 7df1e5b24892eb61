"""What scripts can call is documented once, in three languages, and the documents are never out of date."""

import re
from pathlib import Path

import pytest

from services import typings

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("language", typings.LANGUAGES)
def test_the_reference_page_is_fresh(language):
    page = (ROOT / "docs" / typings.PAGES[language]).read_text(encoding="utf-8")
    assert page == typings.documentation(language), "run: python -m services.typings"


@pytest.mark.parametrize("member", [m for m in typings.members() if m.path.startswith("sdk.")], ids=lambda m: m.path)
def test_every_sdk_member_speaks_three_languages_and_shows_an_example(member):
    texts = {member.text(language) for language in typings.LANGUAGES}
    assert len(texts) == 3
    assert all(texts)
    assert member.example or not member.is_call


@pytest.mark.parametrize("language", typings.LANGUAGES)
def test_the_typings_of_the_editor_speak_one_language(language):
    text = typings.typings(language)
    assert not re.search(r"@(en|ru|uz)\b", text)
    comments = " ".join(re.findall(r"/\*\*.*?\*/", text, re.DOTALL))
    assert bool(re.search("[а-яё]", comments)) == (language == "ru")
    assert bool(re.search("ʻ", comments)) == (language == "uz")


def test_the_typings_declare_globals_and_import_nothing():
    text = typings.typings("en")
    assert "declare const sdk: Sdk;" in text
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)


def test_uzbek_is_written_with_its_own_letters():
    assert not re.search(r"[oOgG]['’‘][a-z]", typings.typings("uz"))


def test_a_parameter_keeps_its_name_and_its_language():
    assert "@param url Абсолютный адрес http или https." in typings.typings("ru")
