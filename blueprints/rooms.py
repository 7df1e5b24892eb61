"""Which rooms the application has: what works on every request, the pages, and the API."""

from flask import Flask

from blueprints import (
    api_reference,
    assets,
    audit,
    auth,
    bundles,
    components,
    dashboard,
    dead_letters,
    editor,
    endpoints,
    errors,
    formats,
    guard,
    health,
    hooks,
    htmx,
    labels,
    languages,
    metrics,
    navigation,
    preferences,
    profile,
    reference,
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
from blueprints.api import audit as api_audit
from blueprints.api import dead_letters as api_dead_letters
from blueprints.api import document as api_document
from blueprints.api import endpoints as api_endpoints
from blueprints.api import events as api_events
from blueprints.api import executions as api_executions
from blueprints.api import schedules as api_schedules
from blueprints.api import scripts as api_scripts
from blueprints.api import subscriptions as api_subscriptions
from blueprints.api import versions as api_versions
from settings import Settings

PAGES = (
    dashboard, editor, script_list, execution_pages, run_list, auth, profile, users, roles, tokens, tenants, secret_pages,
    settings_pages, audit, preferences, search, reference, api_reference,
    bundles, scripts, script_settings, script_inputs, versions, schedules, schedule_preview, endpoints,
    event_pages, subscriptions, dead_letters, hooks, health, metrics,
)  # fmt: skip

API = (api_scripts, api_versions, api_executions, api_events, api_subscriptions, api_schedules, api_endpoints, api_dead_letters, api_audit,
       api_document)  # fmt: skip
# In this order; requests come first, so that every later line has its request's id.
PARTS = (hooks, guard, security, languages, errors, assets, formats, labels, results, htmx, navigation)


def init_app(app: Flask, settings: Settings) -> None:
    requests.init_app(app, settings)
    for part in PARTS:
        part.init_app(app)
    for page in (*PAGES, *API, *([components] if settings.development else [])):
        app.register_blueprint(page.bp)
    security.csrf.exempt(health.bp)
