"""The command line: `flask --app app …`. What each command does is said in its own module; here they only get their names."""

import sys
from collections.abc import Callable
from typing import TypeVar

import click
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.exc import SQLAlchemyError

from jobs import bundle_commands, chores, dev, doctor, relay, scheduler, web, worker
from models.base import db
from services import demo, process, schema
from services import secrets as secret_service
from services import tenants as tenant_service
from services import tokens as token_service
from services import users as user_service
from services.busiest import busiest
from services.errors import ServiceError
from settings import Settings

T = TypeVar("T")


def add_commands(app: Flask, settings: Settings, create_app: Callable[[Settings], Flask]) -> None:
    app.cli.add_command(bundle_commands.script_commands)
    _add_processes(app, settings, create_app)
    _add_care(app, settings)
    _add_people(app, settings)


def _add_processes(app: Flask, settings: Settings, create_app: Callable[[Settings], Flask]) -> None:
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
        refuse_without_tables(app)
        serving: list[Flask] = []

        def serve() -> Flask:
            serving.append(create_app(settings))
            process.warm(serving[0])
            return serving[0]

        def stop() -> None:
            for one in serving:
                process.close(one)

        web.run_web(settings, serve, on_stop=stop)

    @app.cli.command("worker")
    def run_worker() -> None:
        """Perform queued runs."""
        refuse_without_tables(app)
        process.warm(app)
        worker.run_worker(settings, app, on_stop=lambda: process.close(app))

    @app.cli.command("scheduler")
    def run_scheduler() -> None:
        """Fire what is due and keep house."""
        refuse_without_tables(app)
        handing_over = relay.Relay(app)
        handing_over.start()

        def stop() -> None:
            handing_over.stop()
            process.close(app)

        scheduler.run_scheduler(app, chores.CHORES, on_stop=stop)


def _add_care(app: Flask, settings: Settings) -> None:
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

    @app.cli.command("busiest")
    @click.option("--minutes", default=10, show_default=True, type=click.IntRange(1, 1440), help="How far back.")
    def tell_busiest(minutes: int) -> None:
        """Which tenants' runs used most time lately."""
        click.echo(
            f"{'tenant':30} {'waiting':>8} {'running':>8} {'ended':>8} {'failed':>8} {'run s':>10} {'cpu s':>10}"
        )
        for one in busiest(minutes):
            counts = f"{one.waiting:8} {one.running:8} {one.ended:8} {one.failed:8}"
            click.echo(f"{one.slug:30} {counts} {one.run_s:10.1f} {one.cpu_s:10.1f}")

    @app.cli.group("secrets")
    def secrets_() -> None:
        """Secrets of scripts."""

    @secrets_.command("rotate")
    def rotate_secrets() -> None:
        """Encrypt every secret with the first key of SECRET_KEYS."""
        click.echo(f"{refuse_clearly(secret_service.rotate)} secrets are now under the current key.")


def _add_people(app: Flask, settings: Settings) -> None:
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


def refuse_without_tables(app: Flask) -> None:
    """A database that is away comes back; one that was not migrated stays as it is, and every request would fail."""
    try:
        with app.app_context(), db.engine.connect() as connection:
            problem = schema.problem(connection)
    except SQLAlchemyError:
        return
    finally:
        with app.app_context():
            db.engine.dispose()  # server processes are forked from this one
    if problem:
        sys.exit(f"Dastgoh does not start: the database is {problem}. {doctor.MIGRATE}")


def refuse_clearly(deed: Callable[[], T]) -> T:
    """A service's refusal is a sentence for whoever typed the command, not a traceback."""
    try:
        return deed()
    except ServiceError as error:
        sys.exit(str(error))
