"""`flask script export|import`: scripts as a folder, for keeping them in a repository."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import with_appcontext

from models.base import db
from models.tenancy import as_tenant
from services import bundles, users
from services.errors import ServiceError
from services.identity import Principal, principal_of

_TENANT = click.option("--tenant", required=True, help="The tenant's short name.")
_USER = click.option("--user", required=True, help="The e-mail of the user who does it; their permissions count.")
_SIGNS = {"create": "+", "update": "~", "unchanged": "=", "refused": "!"}


@click.group("script")
def script_commands() -> None:
    """Scripts as files."""


@script_commands.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@_TENANT
@_USER
@with_appcontext
def export_scripts(folder: Path, tenant: str, user: str) -> None:
    """Write every script into FOLDER, one folder each."""
    with _acting(tenant, user) as actor:
        files = list(bundles.files_of(bundles.everything(actor)))
        bundles.write_folder(files, folder)
    click.echo(f"{len(files) // 2} scripts are in {folder}.")


@script_commands.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_TENANT
@_USER
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@with_appcontext
def import_scripts(folder: Path, tenant: str, user: str, dry_run: bool) -> None:
    """Bring the scripts of FOLDER in. A script is known by its name; nothing is deleted."""
    with _acting(tenant, user) as actor:
        planned = bundles.plan(actor, bundles.read_folder(folder))
        for item in planned.items:
            _tell(item)
        if not planned.can_be_carried_out:
            sys.exit("Nothing was imported.")
        if not dry_run:
            bundles.carry_out(actor, planned, note="Imported from a folder")
            click.echo(f"{planned.count('create')} created, {planned.count('update')} changed.")


def _tell(item: bundles.Item) -> None:
    click.echo(f"{_SIGNS[item.action]} {item.name or item.folder}")
    if item.problem:
        click.echo(f"    {item.folder}: {item.problem}")
    if item.action == "update" and (item.lines_added or item.lines_removed):
        click.echo(f"    code: +{item.lines_added} -{item.lines_removed}")
    for change in item.changes:
        click.echo(f"    {' '.join(filter(None, (change.area, change.name)))}: {change.before!r} -> {change.after!r}")


@contextmanager
def _acting(tenant: str, email: str) -> Iterator[Principal]:
    """As this user in their tenant; a refusal is a sentence, not a traceback."""
    try:
        user = users.find_by_email(tenant, email)
        actor = principal_of(user, user.tenant)
        assert actor.tenant  # it was found by it
        with as_tenant(db.session, actor.tenant.id):
            yield actor
    except ServiceError as error:
        sys.exit(str(error))
