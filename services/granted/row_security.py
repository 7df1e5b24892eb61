"""The SQL with which an operator sets up PostgreSQL's own wall: a role that owns nothing, and row-level security."""

from services.granted.business_catalog import Catalog
from services.granted.business_postgres import TENANT_SETTING


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def row_security_sql(catalog: Catalog, role: str, login: str) -> str:
    """A script for psql, to run as the owner of the tables; running it again changes nothing. `login` is the user of
    SCRIPT_DB_URL."""
    schema, column = _quoted(catalog.schema), _quoted(catalog.tenant_column)
    lines = [
        f"-- Row-level security for scripts: set SCRIPT_DB_ROLE={role} afterwards. Programs that use these tables as another",
        "-- role than their owner need a policy of their own: without one they will see no rows.",
        "BEGIN;",
        f"DO $$ BEGIN CREATE ROLE {_quoted(role)} NOLOGIN NOBYPASSRLS; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
        f"GRANT {_quoted(role)} TO {_quoted(login)};",
        f"GRANT USAGE ON SCHEMA {schema} TO {_quoted(role)};",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {_quoted(role)};",
    ]
    for table in sorted(catalog.tables.values(), key=lambda table: table.name):
        name = f"{schema}.{_quoted(table.name)}"
        own = f"{column} = NULLIF(current_setting('{TENANT_SETTING}', true), '')::{table.tenant_type}"
        lines += [
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {_quoted(role)};",
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;",
            f"DROP POLICY IF EXISTS dastgoh_tenant ON {name};",
            f"CREATE POLICY dastgoh_tenant ON {name} TO {_quoted(role)} USING ({own}) WITH CHECK ({own});",
        ]
    lines += [f"-- Worth changing: {key}, without {catalog.tenant_column}." for key in catalog.loose_keys]
    return "\n".join([*lines, "COMMIT;", ""])
