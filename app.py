"""create_app(): the application, put together from its rooms. The command line is in jobs/command_line.py."""

import gc

# What is imported stays. Looking through it for garbage, again and again while it grows, takes a third of a start.
_is_sought = gc.isenabled()
gc.disable()

import secrets
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

import logs
from blueprints import rooms
from jobs import command_line
from models import db
from models.database import ENGINE_OPTIONS, prepare_engine
from services import events, executions, sessions
from services import queue as queues
from services.granted.facts import Doors
from settings import Settings

if _is_sought:
    gc.freeze()
    gc.enable()

VERSION = "0.1.0"


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or Settings.from_env()
    logs.configure(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    app = Flask(__name__)
    app.config.update(_flask_config(settings))
    app.extensions["settings"], app.extensions["redis"] = settings, queues.connection(settings)
    app.extensions["doors"] = Doors(publish=events.publish_from_run, run_script=executions.run_embedded)
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    Migrate(app, db, directory=str(Path(__file__).parent / "migrations"))
    rooms.init_app(app, settings)
    app.context_processor(lambda: {"version": VERSION, "development": settings.development})
    command_line.add_commands(app, settings, create_app)
    return app


def _flask_config(settings: Settings) -> dict[str, object]:
    https_only = not settings.development
    return {
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 15, "max_overflow": 10, **ENGINE_OPTIONS},
        "SECRET_KEY": settings.secret_key or _development_key(settings.data_dir),
        "SESSION_COOKIE_NAME": "dastgoh_session",
        "SESSION_COOKIE_SECURE": https_only,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_NAME": "dastgoh_remember",
        "REMEMBER_COOKIE_DURATION": sessions.LASTS,
        "REMEMBER_COOKIE_SECURE": https_only,
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: a page left open overnight still saves
        "WTF_CSRF_HEADERS": ["X-CSRFToken"],
        "MAX_CONTENT_LENGTH": 2 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "TEMPLATES_AUTO_RELOAD": settings.development,
    }


def _development_key(data_dir: Path) -> str:
    """Kept, so that a restart signs nobody out; each DATA_DIR has its own."""
    path = data_dir / "development-secret-key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()
