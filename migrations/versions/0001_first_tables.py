"""first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), 'postgresql')

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_entries',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.String(length=60), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('actor_label', sa.String(length=254), nullable=False),
    sa.Column('target_type', sa.String(length=40), nullable=False),
    sa.Column('target_id', sa.String(length=64), nullable=False),
    sa.Column('target_label', sa.String(length=254), nullable=False),
    sa.Column('before', JSON, nullable=True),
    sa.Column('after', JSON, nullable=True),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.Column('ip', sa.String(length=45), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entries'))
    )
    with op.batch_alter_table('audit_entries', schema=None) as batch_op:
        batch_op.create_index('ix_audit_entries_tenant_id_action', ['tenant_id', 'action', 'created_at'], unique=False)
        batch_op.create_index('ix_audit_entries_tenant_id_actor_id', ['tenant_id', 'actor_id', 'created_at'], unique=False)
        batch_op.create_index('ix_audit_entries_tenant_id_created_at', ['tenant_id', 'created_at', 'id'], unique=False)
        batch_op.create_index('ix_audit_entries_tenant_id_target_id', ['tenant_id', 'target_id', 'created_at'], unique=False)

    op.create_table('tenants',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('slug', sa.String(length=63), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('timezone', sa.String(length=64), nullable=False),
    sa.Column('language', sa.String(length=5), nullable=True),
    sa.Column('limits', JSON, nullable=False),
    sa.Column('retention', JSON, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('slug = lower(slug)', name=op.f('ck_tenants_slug_lower')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tenants')),
    sa.UniqueConstraint('slug', name=op.f('uq_tenants_slug'))
    )
    op.create_table('event_types',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('type', sa.String(length=200), nullable=False),
    sa.Column('sample', JSON, nullable=True),
    sa.Column('first_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_event_types_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event_types')),
    sa.UniqueConstraint('tenant_id', 'type', name=op.f('uq_event_types_tenant_id_type'))
    )
    op.create_table('events',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('external_id', sa.String(length=200), nullable=True),
    sa.Column('type', sa.String(length=200), nullable=False),
    sa.Column('data', JSON, nullable=True),
    sa.Column('body_hash', sa.String(length=64), nullable=False),
    sa.Column('source', sa.String(length=20), nullable=False),
    sa.Column('cause_id', sa.Uuid(), nullable=True),
    sa.Column('chain_depth', sa.Integer(), nullable=False),
    sa.Column('matched', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('chain_depth >= 0', name=op.f('ck_events_chain_depth_not_negative')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_events_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_events')),
    sa.UniqueConstraint('tenant_id', 'external_id', name=op.f('uq_events_tenant_id_external_id'))
    )
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.create_index('ix_events_tenant_id_cause_id', ['tenant_id', 'cause_id'], unique=False)
        batch_op.create_index('ix_events_tenant_id_created_at', ['tenant_id', 'created_at', 'id'], unique=False)
        batch_op.create_index('ix_events_tenant_id_type', ['tenant_id', 'type', 'created_at'], unique=False)

    op.create_table('kv_entries',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('space', sa.String(length=100), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('value', JSON, nullable=True),
    sa.Column('holder', sa.String(length=64), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_kv_entries_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_kv_entries')),
    sa.UniqueConstraint('tenant_id', 'space', 'key', name=op.f('uq_kv_entries_tenant_id_space_key'))
    )
    with op.batch_alter_table('kv_entries', schema=None) as batch_op:
        batch_op.create_index('ix_kv_entries_expires_at', ['expires_at'], unique=False)

    op.create_table('roles',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('name_key', sa.String(length=100), nullable=False),
    sa.Column('is_builtin', sa.Boolean(), nullable=False),
    sa.Column('permissions', JSON, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_roles_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_roles')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_roles_tenant_id_id')),
    sa.UniqueConstraint('tenant_id', 'name_key', name=op.f('uq_roles_tenant_id_name_key'))
    )
    op.create_table('users',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=True),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('first_name', sa.String(length=100), nullable=False),
    sa.Column('last_name', sa.String(length=100), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=True),
    sa.Column('role_id', sa.Uuid(), nullable=True),
    sa.Column('is_superadmin', sa.Boolean(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('language', sa.String(length=5), nullable=True),
    sa.Column('theme', sa.String(length=10), nullable=False),
    sa.Column('timezone', sa.String(length=64), nullable=True),
    sa.Column('session_epoch', sa.Integer(), nullable=False),
    sa.Column('link_hash', sa.String(length=64), nullable=True),
    sa.Column('link_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_sign_in_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('email = lower(email)', name=op.f('ck_users_email_lower')),
    sa.CheckConstraint('is_superadmin = (tenant_id IS NULL)', name=op.f('ck_users_superadmin_has_no_tenant')),
    sa.CheckConstraint('is_superadmin OR role_id IS NOT NULL', name=op.f('ck_users_has_role')),
    sa.ForeignKeyConstraint(['tenant_id', 'role_id'], ['roles.tenant_id', 'roles.id'], name=op.f('fk_users_tenant_id_role_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_users_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('email', name=op.f('uq_users_email')),
    sa.UniqueConstraint('link_hash', name=op.f('uq_users_link_hash'))
    )
    with op.batch_alter_table('users', schema=None) as batch_op:
        batch_op.create_index('ix_users_tenant_id_last_name', ['tenant_id', 'last_name', 'first_name'], unique=False)

    op.create_table('api_tokens',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('prefix', sa.String(length=16), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('permissions', JSON, nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_api_tokens_tenant_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_api_tokens_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_tokens_token_hash'))
    )
    with op.batch_alter_table('api_tokens', schema=None) as batch_op:
        batch_op.create_index('ix_api_tokens_tenant_id_created_at', ['tenant_id', 'created_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_api_tokens_user_id'), ['user_id'], unique=False)

    op.create_table('scripts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('name_key', sa.String(length=200), nullable=False),
    sa.Column('description', sa.String(length=2000), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('has_syntax_error', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('parameters', JSON, nullable=False),
    sa.Column('limits', JSON, nullable=False),
    sa.Column('tags', JSON, nullable=False),
    sa.Column('metadata', JSON, nullable=False),
    sa.Column('sample_input', JSON, nullable=True),
    sa.Column('retention', JSON, nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=True),
    sa.Column('updated_by', sa.Uuid(), nullable=True),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('version >= 1', name=op.f('ck_scripts_version_positive')),
    sa.ForeignKeyConstraint(['created_by'], ['users.id'], name=op.f('fk_scripts_created_by'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_scripts_tenant_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['updated_by'], ['users.id'], name=op.f('fk_scripts_updated_by'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scripts')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_scripts_tenant_id_id'))
    )
    with op.batch_alter_table('scripts', schema=None) as batch_op:
        batch_op.create_index('ix_scripts_tenant_id_updated_at', ['tenant_id', 'updated_at', 'id'], unique=False)
        batch_op.create_index('uq_scripts_tenant_id_name_key', ['tenant_id', 'name_key'], unique=True, sqlite_where=sa.text('deleted_at IS NULL'), postgresql_where=sa.text('deleted_at IS NULL'))

    op.create_table('secrets',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('description', sa.String(length=500), nullable=False),
    sa.Column('ciphertext', sa.LargeBinary(), nullable=False),
    sa.Column('key_id', sa.String(length=32), nullable=False),
    sa.Column('updated_by', sa.Uuid(), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_secrets_tenant_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['updated_by'], ['users.id'], name=op.f('fk_secrets_updated_by'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_secrets')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_secrets_tenant_id_name'))
    )
    with op.batch_alter_table('secrets', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_secrets_key_id'), ['key_id'], unique=False)

    op.create_table('script_event_subscriptions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('script_id', sa.Uuid(), nullable=False),
    sa.Column('event_type', sa.String(length=200), nullable=False),
    sa.Column('filter', JSON, nullable=True),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('allow_self', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'script_id'], ['scripts.tenant_id', 'scripts.id'], name=op.f('fk_script_event_subscriptions_tenant_id_script_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_script_event_subscriptions_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_event_subscriptions')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_script_event_subscriptions_tenant_id_id'))
    )
    with op.batch_alter_table('script_event_subscriptions', schema=None) as batch_op:
        batch_op.create_index('ix_script_event_subscriptions_tenant_id_enabled', ['tenant_id', 'enabled', 'event_type'], unique=False)
        batch_op.create_index('ix_script_event_subscriptions_tenant_id_script_id', ['tenant_id', 'script_id'], unique=False)

    op.create_table('script_executions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('script_id', sa.Uuid(), nullable=False),
    sa.Column('version_number', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=10), nullable=False),
    sa.Column('trigger', sa.String(length=10), nullable=False),
    sa.Column('trigger_id', sa.Uuid(), nullable=True),
    sa.Column('type', sa.String(length=10), nullable=False),
    sa.Column('triggered_by', sa.String(length=10), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=True),
    sa.Column('actor_label', sa.String(length=254), nullable=False),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=True),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('replay_of', sa.Uuid(), nullable=True),
    sa.Column('chain_depth', sa.Integer(), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('attempts', JSON, nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('leased_by', sa.String(length=64), nullable=False),
    sa.Column('cancel_requested', sa.Boolean(), nullable=False),
    sa.Column('test_source', sa.Text(), nullable=True),
    sa.Column('input', JSON, nullable=True),
    sa.Column('request', JSON, nullable=True),
    sa.Column('output', JSON, nullable=True),
    sa.Column('error', JSON, nullable=True),
    sa.Column('logs', JSON, nullable=False),
    sa.Column('calls', JSON, nullable=False),
    sa.Column('error_code', sa.String(length=30), nullable=True),
    sa.Column('error_frame', sa.String(length=200), nullable=False),
    sa.Column('error_message', sa.String(length=500), nullable=False),
    sa.Column('wait_ms', sa.Integer(), nullable=True),
    sa.Column('run_ms', sa.Integer(), nullable=True),
    sa.Column('cpu_ms', sa.Integer(), nullable=True),
    sa.Column('peak_memory_bytes', sa.Integer(), nullable=True),
    sa.Column('api_calls', sa.Integer(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'refused')", name=op.f('ck_script_executions_status')),
    sa.CheckConstraint("trigger IN ('manual', 'api', 'test', 'cron', 'http', 'event', 'embedded', 'replay')", name=op.f('ck_script_executions_trigger')),
    sa.ForeignKeyConstraint(['tenant_id', 'script_id'], ['scripts.tenant_id', 'scripts.id'], name=op.f('fk_script_executions_tenant_id_script_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_script_executions_tenant_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_script_executions_user_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_executions'))
    )
    with op.batch_alter_table('script_executions', schema=None) as batch_op:
        batch_op.create_index('ix_script_executions_open', ['due_at'], unique=False, sqlite_where=sa.text("status IN ('queued', 'running')"), postgresql_where=sa.text("status IN ('queued', 'running')"))
        batch_op.create_index('ix_script_executions_tenant_id_created_at', ['tenant_id', 'created_at', 'id'], unique=False)
        batch_op.create_index('ix_script_executions_tenant_id_event_id', ['tenant_id', 'event_id'], unique=False)
        batch_op.create_index('ix_script_executions_tenant_id_parent_id', ['tenant_id', 'parent_id'], unique=False)
        batch_op.create_index('ix_script_executions_tenant_id_script_id', ['tenant_id', 'script_id', 'created_at', 'id'], unique=False)
        batch_op.create_index('ix_script_executions_tenant_id_status', ['tenant_id', 'status', 'created_at', 'id'], unique=False)

    op.create_table('script_http_endpoints',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('script_id', sa.Uuid(), nullable=False),
    sa.Column('path', sa.String(length=200), nullable=False),
    sa.Column('methods', JSON, nullable=False),
    sa.Column('auth', sa.String(length=10), nullable=False),
    sa.Column('mode', sa.String(length=5), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('options', JSON, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("auth IN ('token', 'signature', 'public')", name=op.f('ck_script_http_endpoints_auth')),
    sa.CheckConstraint("mode IN ('sync', 'async')", name=op.f('ck_script_http_endpoints_mode')),
    sa.ForeignKeyConstraint(['tenant_id', 'script_id'], ['scripts.tenant_id', 'scripts.id'], name=op.f('fk_script_http_endpoints_tenant_id_script_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_script_http_endpoints_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_http_endpoints')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_script_http_endpoints_tenant_id_id'))
    )
    with op.batch_alter_table('script_http_endpoints', schema=None) as batch_op:
        batch_op.create_index('ix_script_http_endpoints_tenant_id_script_id', ['tenant_id', 'script_id'], unique=False)

    op.create_table('script_scheduled_jobs',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('script_id', sa.Uuid(), nullable=False),
    sa.Column('cron', sa.String(length=100), nullable=False),
    sa.Column('timezone', sa.String(length=64), nullable=False),
    sa.Column('input', JSON, nullable=True),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('overlap', sa.String(length=5), nullable=False),
    sa.Column('misfire', sa.String(length=4), nullable=False),
    sa.Column('jitter_seconds', sa.Integer(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_run_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_run_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("misfire IN ('skip', 'once')", name=op.f('ck_script_scheduled_jobs_misfire')),
    sa.CheckConstraint("overlap IN ('skip', 'queue', 'allow')", name=op.f('ck_script_scheduled_jobs_overlap')),
    sa.CheckConstraint('ends_at IS NULL OR starts_at IS NULL OR starts_at < ends_at', name=op.f('ck_script_scheduled_jobs_starts_before_end')),
    sa.CheckConstraint('jitter_seconds >= 0', name=op.f('ck_script_scheduled_jobs_jitter_not_negative')),
    sa.ForeignKeyConstraint(['tenant_id', 'script_id'], ['scripts.tenant_id', 'scripts.id'], name=op.f('fk_script_scheduled_jobs_tenant_id_script_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_script_scheduled_jobs_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_scheduled_jobs')),
    sa.UniqueConstraint('tenant_id', 'id', name=op.f('uq_script_scheduled_jobs_tenant_id_id'))
    )
    with op.batch_alter_table('script_scheduled_jobs', schema=None) as batch_op:
        batch_op.create_index('ix_script_scheduled_jobs_due', ['next_run_at'], unique=False, sqlite_where=sa.text('next_run_at IS NOT NULL'), postgresql_where=sa.text('next_run_at IS NOT NULL'))
        batch_op.create_index('ix_script_scheduled_jobs_tenant_id_script_id', ['tenant_id', 'script_id'], unique=False)

    op.create_table('script_versions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('script_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('source_hash', sa.String(length=64), nullable=False),
    sa.Column('parameters', JSON, nullable=False),
    sa.Column('limits', JSON, nullable=False),
    sa.Column('triggers', JSON, nullable=False),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('restored_from', sa.Integer(), nullable=True),
    sa.Column('lines_added', sa.Integer(), nullable=False),
    sa.Column('lines_removed', sa.Integer(), nullable=False),
    sa.Column('is_milestone', sa.Boolean(), nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('number >= 1', name=op.f('ck_script_versions_number_positive')),
    sa.ForeignKeyConstraint(['created_by'], ['users.id'], name=op.f('fk_script_versions_created_by'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id', 'script_id'], ['scripts.tenant_id', 'scripts.id'], name=op.f('fk_script_versions_tenant_id_script_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_script_versions_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_versions')),
    sa.UniqueConstraint('tenant_id', 'script_id', 'number', name=op.f('uq_script_versions_tenant_id_script_id_number'))
    )
    op.create_table('outbox',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('execution_id', sa.Uuid(), nullable=False),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['execution_id'], ['script_executions.id'], name=op.f('fk_outbox_execution_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_outbox_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_claimed_until', ['claimed_until'], unique=False)
        batch_op.create_index(batch_op.f('ix_outbox_execution_id'), ['execution_id'], unique=False)

    op.create_table('schedule_occurrences',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('schedule_id', sa.Uuid(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.String(length=20), nullable=False),
    sa.Column('execution_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("outcome IN ('ran', 'skipped')", name=op.f('ck_schedule_occurrences_outcome')),
    sa.CheckConstraint("reason IN ('', 'overlap', 'misfire', 'paused', 'disabled', 'quota', 'down', 'clock_change')", name=op.f('ck_schedule_occurrences_reason')),
    sa.ForeignKeyConstraint(['tenant_id', 'schedule_id'], ['script_scheduled_jobs.tenant_id', 'script_scheduled_jobs.id'], name=op.f('fk_schedule_occurrences_tenant_id_schedule_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_schedule_occurrences_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_schedule_occurrences')),
    sa.UniqueConstraint('tenant_id', 'schedule_id', 'due_at', name=op.f('uq_schedule_occurrences_tenant_id_schedule_id_due_at'))
    )
    op.create_table('script_event_dead_letters',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('script_id', sa.Uuid(), nullable=False),
    sa.Column('subscription_id', sa.Uuid(), nullable=True),
    sa.Column('execution_id', sa.Uuid(), nullable=True),
    sa.Column('event_id', sa.Uuid(), nullable=True),
    sa.Column('event_type', sa.String(length=200), nullable=False),
    sa.Column('event_data', JSON, nullable=True),
    sa.Column('version_number', sa.Integer(), nullable=False),
    sa.Column('error', JSON, nullable=False),
    sa.Column('error_code', sa.String(length=30), nullable=False),
    sa.Column('error_frame', sa.String(length=200), nullable=False),
    sa.Column('error_message', sa.String(length=500), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('failed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('resolved_by', sa.Uuid(), nullable=True),
    sa.Column('resolution', sa.String(length=20), nullable=False),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.ForeignKeyConstraint(['event_id'], ['events.id'], name=op.f('fk_script_event_dead_letters_event_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['execution_id'], ['script_executions.id'], name=op.f('fk_script_event_dead_letters_execution_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['resolved_by'], ['users.id'], name=op.f('fk_script_event_dead_letters_resolved_by'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id', 'script_id'], ['scripts.tenant_id', 'scripts.id'], name=op.f('fk_script_event_dead_letters_tenant_id_script_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_script_event_dead_letters_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_event_dead_letters'))
    )
    with op.batch_alter_table('script_event_dead_letters', schema=None) as batch_op:
        batch_op.create_index('ix_script_event_dead_letters_tenant_id_failed_at', ['tenant_id', 'failed_at', 'id'], unique=False)
        batch_op.create_index('ix_script_event_dead_letters_tenant_id_script_id', ['tenant_id', 'script_id', 'error_code', 'error_frame'], unique=False)

    op.create_table('script_http_routes',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('endpoint_id', sa.Uuid(), nullable=False),
    sa.Column('method', sa.String(length=10), nullable=False),
    sa.Column('shape', sa.String(length=200), nullable=False),
    sa.CheckConstraint("method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')", name=op.f('ck_script_http_routes_method')),
    sa.ForeignKeyConstraint(['tenant_id', 'endpoint_id'], ['script_http_endpoints.tenant_id', 'script_http_endpoints.id'], name=op.f('fk_script_http_routes_tenant_id_endpoint_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_script_http_routes_tenant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_script_http_routes')),
    sa.UniqueConstraint('tenant_id', 'shape', 'method', name=op.f('uq_script_http_routes_tenant_id_shape_method'))
    )
    with op.batch_alter_table('script_http_routes', schema=None) as batch_op:
        batch_op.create_index('ix_script_http_routes_tenant_id_endpoint_id', ['tenant_id', 'endpoint_id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('script_http_routes', schema=None) as batch_op:
        batch_op.drop_index('ix_script_http_routes_tenant_id_endpoint_id')

    op.drop_table('script_http_routes')
    with op.batch_alter_table('script_event_dead_letters', schema=None) as batch_op:
        batch_op.drop_index('ix_script_event_dead_letters_tenant_id_script_id')
        batch_op.drop_index('ix_script_event_dead_letters_tenant_id_failed_at')

    op.drop_table('script_event_dead_letters')
    op.drop_table('schedule_occurrences')
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_outbox_execution_id'))
        batch_op.drop_index('ix_outbox_claimed_until')

    op.drop_table('outbox')
    op.drop_table('script_versions')
    with op.batch_alter_table('script_scheduled_jobs', schema=None) as batch_op:
        batch_op.drop_index('ix_script_scheduled_jobs_tenant_id_script_id')
        batch_op.drop_index('ix_script_scheduled_jobs_due', sqlite_where=sa.text('next_run_at IS NOT NULL'), postgresql_where=sa.text('next_run_at IS NOT NULL'))

    op.drop_table('script_scheduled_jobs')
    with op.batch_alter_table('script_http_endpoints', schema=None) as batch_op:
        batch_op.drop_index('ix_script_http_endpoints_tenant_id_script_id')

    op.drop_table('script_http_endpoints')
    with op.batch_alter_table('script_executions', schema=None) as batch_op:
        batch_op.drop_index('ix_script_executions_tenant_id_status')
        batch_op.drop_index('ix_script_executions_tenant_id_script_id')
        batch_op.drop_index('ix_script_executions_tenant_id_parent_id')
        batch_op.drop_index('ix_script_executions_tenant_id_event_id')
        batch_op.drop_index('ix_script_executions_tenant_id_created_at')
        batch_op.drop_index('ix_script_executions_open', sqlite_where=sa.text("status IN ('queued', 'running')"), postgresql_where=sa.text("status IN ('queued', 'running')"))

    op.drop_table('script_executions')
    with op.batch_alter_table('script_event_subscriptions', schema=None) as batch_op:
        batch_op.drop_index('ix_script_event_subscriptions_tenant_id_script_id')
        batch_op.drop_index('ix_script_event_subscriptions_tenant_id_enabled')

    op.drop_table('script_event_subscriptions')
    with op.batch_alter_table('secrets', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_secrets_key_id'))

    op.drop_table('secrets')
    with op.batch_alter_table('scripts', schema=None) as batch_op:
        batch_op.drop_index('uq_scripts_tenant_id_name_key', sqlite_where=sa.text('deleted_at IS NULL'), postgresql_where=sa.text('deleted_at IS NULL'))
        batch_op.drop_index('ix_scripts_tenant_id_updated_at')

    op.drop_table('scripts')
    with op.batch_alter_table('api_tokens', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_api_tokens_user_id'))
        batch_op.drop_index('ix_api_tokens_tenant_id_created_at')

    op.drop_table('api_tokens')
    with op.batch_alter_table('users', schema=None) as batch_op:
        batch_op.drop_index('ix_users_tenant_id_last_name')

    op.drop_table('users')
    op.drop_table('roles')
    with op.batch_alter_table('kv_entries', schema=None) as batch_op:
        batch_op.drop_index('ix_kv_entries_expires_at')

    op.drop_table('kv_entries')
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.drop_index('ix_events_tenant_id_type')
        batch_op.drop_index('ix_events_tenant_id_created_at')
        batch_op.drop_index('ix_events_tenant_id_cause_id')

    op.drop_table('events')
    op.drop_table('event_types')
    op.drop_table('tenants')
    with op.batch_alter_table('audit_entries', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_entries_tenant_id_target_id')
        batch_op.drop_index('ix_audit_entries_tenant_id_created_at')
        batch_op.drop_index('ix_audit_entries_tenant_id_actor_id')
        batch_op.drop_index('ix_audit_entries_tenant_id_action')

    op.drop_table('audit_entries')
