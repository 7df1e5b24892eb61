"""Which language and time zone this request speaks: the user's setting, then the cookie, then what the browser asks for."""

from babel.support import NullTranslations
from flask import Flask, Request, has_request_context, request
from flask_babel import Babel, get_locale, get_translations
from flask_login import current_user

from models.user import LANGUAGES, THEMES

COOKIE = "language"
NAMES = {"en": "English", "ru": "Русский", "uz": "Oʻzbekcha"}
_DEFAULT_ZONE = "Asia/Tashkent"
babel = Babel()


class TranslatedRequest(Request):
    @property
    def wtforms_translations(self) -> NullTranslations:
        """Where Flask-WTF looks up what WTForms says under fields: ours, as WTForms itself speaks no Uzbek."""
        return get_translations()


def language() -> str:
    if not has_request_context():
        return "en"
    tenant = current_user.tenant if current_user.is_authenticated else None
    wishes = (
        current_user.language if current_user.is_authenticated else None,
        request.cookies.get(COOKIE),
        request.accept_languages.best_match(LANGUAGES),
        tenant.language if tenant else None,
    )
    return next((wish for wish in wishes if wish in LANGUAGES), "en")


def timezone() -> str:
    if not has_request_context() or not current_user.is_authenticated:
        return _DEFAULT_ZONE
    return current_user.timezone or (current_user.tenant.timezone if current_user.tenant else _DEFAULT_ZONE)


def theme() -> str:
    wish = current_user.theme if current_user.is_authenticated else request.cookies.get("theme")
    return wish if wish in THEMES else "system"


def init_app(app: Flask) -> None:
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", "translations")
    app.request_class = TranslatedRequest
    babel.init_app(app, locale_selector=language, timezone_selector=timezone)
    _speak_quickly(app)
    app.context_processor(lambda: {
        "locale": str(get_locale() or "en"), "theme": theme(), "timezone": timezone(), "language_names": NAMES,
    })  # fmt: skip


def _speak_quickly(app: Flask) -> None:
    """A page has hundreds of texts, and Flask-Babel looks for the catalogue again for each: a third of a page's time."""
    catalogues: dict[str, NullTranslations] = {}

    def catalogue() -> NullTranslations:
        locale = get_locale()
        if locale is None:
            return get_translations()
        if locale.language not in catalogues:
            catalogues[locale.language] = get_translations()
        return catalogues[locale.language]

    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of Jinja's i18n extension
        gettext=lambda text: catalogue().ugettext(text),
        ngettext=lambda one, many, number: catalogue().ungettext(one, many, number),
        newstyle=True,
    )
