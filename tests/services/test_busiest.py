"""An operator asks which tenant it is."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask

from models import Tenant, db
from models.base import utcnow
from models.execution import Execution
from models.script import Script
from models.tenancy import as_tenant
from services.busiest import busiest


def run_of(tenant: Tenant, script: Script, **values: object) -> Execution:
    return Execution(tenant_id=tenant.id, script_id=script.id, version_number=1, trigger="event", **values)


def test_the_tenant_whose_runs_used_most_time_lately_comes_first(
    app: Flask, make_tenant: Callable[..., Tenant]
) -> None:
    calm, flooder = make_tenant("calm"), make_tenant("flooder")
    make_tenant("silent")
    for tenant, seconds in ((calm, 1), (flooder, 30)):
        with app.app_context(), as_tenant(db.session, tenant.id):
            script = Script(tenant_id=tenant.id, name="Loop", name_key="loop")
            db.session.add(script)
            db.session.flush()
            ended = {"status": "failed", "error_code": "CPU_LIMIT", "run_ms": seconds * 1000, "cpu_ms": seconds * 900}
            db.session.add_all([
                run_of(tenant, script, **ended),
                run_of(tenant, script, **ended, created_at=utcnow() - timedelta(hours=2)),
                run_of(tenant, script, status="queued", created_at=utcnow() - timedelta(hours=2)),
                run_of(tenant, script, status="running"),
            ])  # fmt: skip
            db.session.commit()
    with app.app_context():
        first, second = busiest(minutes=10)

    assert (first.slug, second.slug) == ("flooder", "calm")
    assert (first.waiting, first.running, first.ended, first.failed) == (1, 1, 1, 1)
    assert (first.run_s, first.cpu_s) == (30.0, 27.0)
    told = app.test_cli_runner().invoke(args=["busiest", "--minutes", "5"]).output.splitlines()
    assert told[1].split() == ["flooder", "1", "1", "1", "1", "30.0", "27.0"]
