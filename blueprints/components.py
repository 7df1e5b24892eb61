"""Development only: every component in every state on one page, for designers, tests, and whoever builds a page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, RadioField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from blueprints.htmx import toast, trigger

bp = Blueprint("components", __name__, url_prefix="/dev")

STATUSES = "succeeded failed timed_out running queued cancelled refused retrying skipped planned".split()
RUNS = [
    {"status": {7: "failed", 15: "timed_out", 24: "failed"}.get(n, "succeeded"), "value": 200 + (n * 137) % 700}
    for n in range(30)
]
HOURS = [[180 + (hour * 53) % 190, (hour * 7) % 9, (hour * 11) % 14] for hour in range(24)]
CALLS = [
    {"name": "sdk.db.query", "start_ms": 44, "duration_ms": 31, "kind": "ok", "note": "42 rows"},
    {"name": "sdk.http.get", "start_ms": 78, "duration_ms": 500, "kind": "warn", "note": "timed out, retry 1"},
    {"name": "sdk.http.get", "start_ms": 828, "duration_ms": 212, "kind": "ok", "note": "200, 4.1 KB"},
    {"name": "sdk.secrets.get", "start_ms": 1044, "duration_ms": 58, "kind": "error", "note": "SECRET_NOT_FOUND"},
]
SOURCE = """const rates = await sdk.http.get(ctx.input.ratesUrl, { timeout: 500, retries: 2 });
if (rates.status !== 200) return { ok: false, reason: 'rates unavailable' };

const orders = await sdk.db.query(
  'SELECT id, total FROM orders WHERE status = ? LIMIT ?',
  [ctx.input.status, ctx.input.limit ?? 100],
);

for (const order of orders) {
  const total = order.total * rates.json().USD;
  await sdk.db.execute('UPDATE orders SET total = ? WHERE id = ?', [total, order.id]);
}
sdk.log.info('priced', { orders: orders.length });
return { ok: true, priced: orders.length };
"""
OLDER_SOURCE = SOURCE.replace("timeout: 500, retries: 2", "timeout: 2000").replace(", priced: orders.length", "")
PARAMETERS = [
    {"name": "ratesUrl", "type": "string", "required": True, "description": "Where today's rates are"},
    {"name": "status", "type": "enum", "default": "new", "options": ["new", "paid"]},
    {"name": "limit", "type": "integer", "description": "How many orders at most"},
]
VALUE = {"ok": False, "reconciled": 18, "failed": [{"id": 88412, "client": "ООО «Навруз Трейд»"}], "note": None}


class SampleForm(FlaskForm):
    name = StringField("Name", validators=[InputRequired()], description="Shown in lists and in the audit log")
    cron = StringField("Cron expression")
    zone = SelectField("Time zone", choices=["Asia/Tashkent", "Europe/Berlin"])
    password = PasswordField("Password")
    notes = TextAreaField("Notes")
    overlap = RadioField(
        "If the last run is still going",
        choices=[
            SelectChoice("skip", ("Skip this time", "Wait for the next slot.")),
            SelectChoice("queue", ("Queue one", "Right after.")),
        ],
        default="skip",
    )
    enabled = BooleanField("Enabled", default=True)
    mail = BooleanField("Send me failures by e-mail")


@bp.get("/components")
def index() -> str:
    form = SampleForm(formdata=None, data={"name": "Qarzdorlik hisoboti", "cron": "30 25 * * 1-5"})
    form.cron.errors = ["Hour must be 0 to 23, it is 25"]
    return render_template("dev/components.html", form=form, **_samples())


def _samples() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "total": 4866, "took": 2104, "memory": 53_687_091,  # not written in the template: Jinja formats literals only once
        "statuses": STATUSES, "runs": RUNS, "hours": HOURS, "calls": CALLS, "value": VALUE,
        "instants": [now - timedelta(**ago) for ago in ({"seconds": 5}, {"minutes": 4}, {"hours": 3}, {"days": 40})],
        "page_address": lambda number: f"?page={number}",
        "sort": {"key": "took", "descending": True, "address": lambda key, down: f"?sort={'-' if down else ''}{key}"},
    }  # fmt: skip


@bp.get("/editor")
def editor() -> str:
    return render_template("dev/editor.html", source=SOURCE, older=OLDER_SOURCE, parameters=PARAMETERS)


@bp.post("/editor")
def save_editor() -> Response:
    toast("Version 15 saved")
    return trigger(make_response("", 204), **{"dastgoh:saved": {"version": 15}})


@bp.post("/components/toast")
def show_toast() -> Response:
    toast("Version 15 saved", request.form.get("kind", "ok"))
    return make_response("", 204)
