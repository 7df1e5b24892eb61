"""An expression in words. Each language is a module of its own: word order and endings differ too much for templates."""

from types import ModuleType

from services.cron import english, russian, uzbek
from services.cron.parse import Every, Expression

_LANGUAGES: dict[str, ModuleType] = {"en": english, "ru": russian, "uz": uzbek}


def describe(expression: Expression, language: str = "en") -> str:
    speaker = _LANGUAGES.get(language, english)
    words: str = speaker.every(expression) if isinstance(expression, Every) else speaker.describe(expression)
    return words
