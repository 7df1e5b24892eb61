"""create_app() and the command line; nothing else."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from flask import Flask
from flask_migrate import Migrate, upgrade

import logs
from blueprints import (
    assets,
    audit,
    auth,
    bundles,
    components,
    dashboard,
    dead_letters,
    editor,
    errors,
    formats,
    guard,
    health,
    htmx,
    labels,
    languages,
    navigation,
    preferences,
    profile,
    requests,
    results,
    roles,
    run_list,
    schedule_preview,
    schedules,
    script_inputs,
    script_list,
    script_settings,
    scripts,
    search,
    security,
    subscriptions,
    tenants,
    tokens,
    users,
    versions,
)
from blueprints import events as event_pages
from blueprints import executions as execution_pages
from blueprints import secrets as secret_pages
from blueprints import settings as settings_pages
from blueprints.api import executions as api_executions
from blueprints.api import scripts as api_scripts
from jobs import bundle_commands, chores, dev, doctor, relay, scheduler, web, worker
from models import db
from models.database import prepare_engine
from services import demo, events, executions, process
from services import queue as queues
from services import secrets as secret_service
from services import tenants as tenant_service
from services import tokens as token_service
from services import users as user_service
from services.errors import ServiceError
from services.granted.facts import Doors
from settings import Settings

VERSION = "0.1.0"
T = TypeVar("T")
PAGES = (
    dashboard, editor, script_list, execution_pages, run_list, auth, profile, users, roles, tokens, tenants, secret_pages,
    settings_pages, audit, preferences, search,
    bundles, scripts, script_settings, script_inputs, versions, schedules, schedule_preview,
    event_pages, subscriptions, dead_letters, health,
)  # fmt: skip

API = (api_scripts, api_executions)


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
    requests.init_app(app, settings)  # first: it gives every later line its request id
    for part in (guard, security, languages, errors, assets, formats, labels, results, htmx, navigation):
        part.init_app(app)
    for page in (*PAGES, *([components] if settings.development else [])):
        app.register_blueprint(page.bp)
    for noun in API:
        app.register_blueprint(noun.bp)
    security.csrf.exempt(health.bp)
    app.context_processor(lambda: {"version": VERSION, "development": settings.development})
    _add_commands(app, settings)
    return app


def _flask_config(settings: Settings) -> dict[str, object]:
    https_only = not settings.development
    return {
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SECRET_KEY": settings.secret_key or _development_key(settings.data_dir),
        "SESSION_COOKIE_NAME": "dastgoh_session",
        "SESSION_COOKIE_SECURE": https_only,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_NAME": "dastgoh_remember",
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


def _add_commands(app: Flask, settings: Settings) -> None:
    def seed() -> None:
        with app.app_context():
            demo.seed()

    def migrate() -> None:
        with app.app_context():
            upgrade()

    @app.cli.command("dev")
    def run_everything() -> None:
        """Everything on this machine: Redis, migrations, demo data, web, worker, scheduler."""
        people = [dev.SignIn(account.email, account.password, account.role) for account in demo.DEMO_ACCOUNTS]
        sys.exit(dev.run_dev(settings, migrate=migrate, seed=seed, sign_ins=lambda: people))

    @app.cli.command("web")
    def run_web() -> None:
        """Serve the pages."""
        serving: list[Flask] = []

        def serve() -> Flask:
            serving.append(create_app(settings))
            process.warm(serving[0])
            return serving[0]

        web.run_web(settings, serve, on_stop=lambda: [process.close(one) for one in serving])

    @app.cli.command("worker")
    def run_worker() -> None:
        """Perform queued runs."""
        process.warm(app)
        worker.run_worker(settings, app, on_stop=lambda: process.close(app))

    @app.cli.command("scheduler")
    def run_scheduler() -> None:
        """Fire what is due and keep house."""
        handing_over = relay.Relay(app)
        handing_over.start()
        scheduler.run_scheduler(app, chores.CHORES, on_stop=lambda: (handing_over.stop(), process.close(app)))

    @app.cli.command("seed-demo")
    def seed_demo() -> None:
        """Two demo businesses with people to sign in as (development only)."""
        refuse_clearly(demo.seed)

    @app.cli.command("doctor")
    def run_doctor() -> None:
        """Check what the workbench needs and say what is wrong."""
        checks = doctor.diagnose(settings)
        for check in checks:
            click.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
            if not check.ok:
                click.echo(f"      {check.cure}")
        sys.exit(0 if all(check.ok for check in checks) else 1)

    @app.cli.group("token")
    def token() -> None:
        """API tokens."""

    @token.command("create")
    @click.option("--tenant", required=True, help="The tenant's short name.")
    @click.option("--user", required=True, help="The e-mail of the user it acts for.")
    @click.option("--name", default="command line", help="What will use it.")
    def create_token(tenant: str, user: str, name: str) -> None:
        """Print a new token, once."""
        owner = user_service.find_by_email
        click.echo(refuse_clearly(lambda: token_service.create_for(owner(tenant, user), name).secret))

    @app.cli.group("secrets")
    def secrets_() -> None:
        """Secrets of scripts."""

    @secrets_.command("rotate")
    def rotate_secrets() -> None:
        """Encrypt every secret with the first key of SECRET_KEYS."""
        click.echo(f"{refuse_clearly(secret_service.rotate)} secrets are now under the current key.")

    app.cli.add_command(bundle_commands.script_commands)

    @app.cli.group("user")
    def user() -> None:
        """Users."""

    @user.command("create")
    @click.option("--email", required=True)
    @click.option("--tenant", default="", help="The tenant's short name; none for a superadmin.")
    @click.option("--role", default="admin", help="The name of a role of the tenant.")
    @click.option("--first-name", default="")
    @click.option("--last-name", default="")
    def create_user(email: str, tenant: str, role: str, first_name: str, last_name: str) -> None:
        """Make a user and print the path where they choose their password. A tenant that is missing is made."""
        secret = refuse_clearly(lambda: tenant_service.create_user(email, tenant, role, first_name, last_name))
        click.echo(f"{settings.public_url}/welcome/{secret}")


def refuse_clearly(deed: Callable[[], T]) -> T:
    """A service's refusal is a sentence for whoever typed the command, not a traceback."""
    try:
        return deed()
    except ServiceError as error:
        sys.exit(str(error))
