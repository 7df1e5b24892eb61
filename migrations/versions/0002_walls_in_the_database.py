"""The database's own walls: row-level security on PostgreSQL, an append-only audit log on both."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROLE = "dastgoh_app"
TENANT_TABLES = (
    "api_tokens", "audit_entries", "event_types", "events", "kv_entries", "outbox", "roles", "schedule_occurrences",
    "script_event_dead_letters", "script_event_subscriptions", "script_executions", "script_http_endpoints",
    "script_http_routes", "script_scheduled_jobs", "script_versions", "scripts", "secrets", "users",
)
# A sub-select, so that the setting is read once a statement and not once a row.
SETTING = "(SELECT nullif(current_setting('dastgoh.tenant', true), ''))"
OWN_ROWS = f"{SETTING} = '*' OR tenant_id::text = {SETTING}"
# Entries this young are never deleted, whoever asks; retention only ever removes old ones.
YOUNG_DAYS = 30


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _make_role()
        for table in TENANT_TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY own_rows ON {table} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
        _append_only_on_postgresql()
    else:
        _append_only_on_sqlite()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_append_only ON audit_entries")
        op.execute("DROP FUNCTION audit_append_only()")
        for table in TENANT_TABLES:
            op.execute(f"DROP POLICY own_rows ON {table}")
            op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        _drop_grants()
    else:
        op.execute("DROP TRIGGER audit_no_update")
        op.execute("DROP TRIGGER audit_no_delete")


def _make_role() -> None:
    """Policies do not bind a superuser. So the application steps down to this role in each transaction, where it may."""
    op.execute(f"""
        DO $$ BEGIN
            CREATE ROLE {ROLE} NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'no right to create the role {ROLE}: row-level security binds the table owner instead';
        END $$""")
    _where_role_exists(
        f"GRANT {ROLE} TO CURRENT_USER",
        f"GRANT USAGE ON SCHEMA public TO {ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE}",
    )


def _drop_grants() -> None:
    # The role itself stays: it belongs to the whole cluster, and other databases may use it.
    _where_role_exists(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM {ROLE}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {ROLE}",
        f"REVOKE USAGE ON SCHEMA public FROM {ROLE}",
    )


def _where_role_exists(*statements: str) -> None:
    body = " ".join(f"{statement};" for statement in statements)
    op.execute(f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN {body} END IF; END $$")


def _append_only_on_postgresql() -> None:
    op.execute(f"""
        CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = 'DELETE' AND OLD.created_at < now() - interval '{YOUNG_DAYS} days' THEN RETURN OLD; END IF;
            RAISE EXCEPTION 'audit entries are only ever added';
        END $$""")
    op.execute("""
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entries
        FOR EACH ROW EXECUTE FUNCTION audit_append_only()""")


def _append_only_on_sqlite() -> None:
    op.execute("""
        CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'audit entries are only ever added'); END""")
    op.execute(f"""
        CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_entries
        WHEN OLD.created_at > datetime('now', '-{YOUNG_DAYS} days')
        BEGIN SELECT RAISE(ABORT, 'audit entries are only ever added'); END""")
