"""Where a script answers, whom, and within which bounds."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from blueprints.forms.fields import clean
from models.endpoint import METHODS, Endpoint
from services.endpoint_checks import LONGEST_WAIT_S, MOST_BODY_BYTES, MOST_PER_MINUTE
from services.endpoints import Changes
from services.hooks.signatures import ALGORITHMS, ENCODINGS, LONGEST_TOLERANCE_S, PRESETS, Scheme

CUSTOM = "custom"
RENAMED = {
    "options.signature": "signature_secret",
    "options.cors.origins": "cors_origins",
    **{f"options.signature.{field.name}": f"signature_{field.name}" for field in fields(Scheme)},
    **{f"options.{name}": name for name in ("rate_per_minute", "timeout_s", "body_limit_bytes", "cors")},
}
_REQUIRED = _l("This field is required.")
_KIB = 1024


def _auth_choices() -> list[SelectChoice]:
    return [
        SelectChoice("token", (_("API token"), _("The caller sends a token of this business; the script sees whose it is."))),
        SelectChoice("signature", (_("Signature"), _("The sender signs the body with a secret that both know."))),
        SelectChoice("public", (_("Public"), _("Anybody who knows the address may call."))),
    ]  # fmt: skip


def _mode_choices() -> list[SelectChoice]:
    return [
        SelectChoice("sync", (_("Wait for the script"), _("The caller gets what the script returns."))),
        SelectChoice("async", (_("Answer at once"), _("The caller gets a receipt (202); the run waits in the queue."))),
    ]


def _preset_choices() -> list[SelectChoice]:
    senders = {"github": "GitHub", "stripe": "Stripe", "shopify": "Shopify", "slack": "Slack"}
    labels = {"plain": _("Our own: X-Signature and X-Timestamp"), **senders, CUSTOM: _("Another sender")}
    return [SelectChoice(name, label) for name, label in labels.items()]


class EndpointForm(FlaskForm):
    path = StringField(_l("Path"), filters=[clean], validators=[InputRequired(_REQUIRED), Length(max=200)],
                       description=_l("Such as orders/:id. What stands at :id is context.request.params.id."))  # fmt: skip
    methods = SelectMultipleField(_l("Methods"), choices=[SelectChoice(method, method) for method in METHODS],
                                  widget=ListWidget(prefix_label=False), option_widget=CheckboxInput())  # fmt: skip
    auth = RadioField(_l("Who may call"), choices=_auth_choices, default="token")
    mode = RadioField(_l("What the caller gets"), choices=_mode_choices, default="sync")

    preset = SelectField(_l("Sender"), choices=_preset_choices, default="plain")
    preset_shown = HiddenField(default="plain")
    signature_secret = StringField(_l("Secret"), filters=[clean], validators=[Length(max=100)],
                                   description=_l("The name of a secret of this business. Its value stays sealed."))  # fmt: skip
    signature_header = StringField(_l("Header with the signature"), filters=[clean], validators=[Length(max=64)])
    signature_algorithm = SelectField(
        _l("Algorithm"), choices=[SelectChoice(name, f"HMAC-{name.upper()}") for name in ALGORITHMS]
    )
    signature_encoding = SelectField(_l("Encoding"), choices=[SelectChoice(name, name) for name in ENCODINGS])
    signature_prefix = StringField(_l("Prefix"), validators=[Length(max=100)])
    signature_payload = StringField(_l("What is signed"), validators=[Length(max=100)],
                                    description=_l("{body} is the body as it arrives, {timestamp} what the header says."))  # fmt: skip
    signature_timestamp_header = StringField(
        _l("Header with the timestamp"), filters=[clean], validators=[Length(max=64)]
    )
    signature_fields = StringField(_l("Parts of the header"), filters=[clean], validators=[Length(max=50)],
                                   description=_l("“t,v1” for senders that write t=…,v1=… into one header."))  # fmt: skip
    signature_tolerance_s = IntegerField(
        _l("Tolerance, seconds"), validators=[Optional(), NumberRange(1, LONGEST_TOLERANCE_S)],
        description=_l("A signature is good for one run within this time."),
    )  # fmt: skip

    rate_per_minute = IntegerField(_l("Requests a minute"), validators=[Optional(), NumberRange(1, MOST_PER_MINUTE)],
                                   description=_l("Empty: as many as there is room for."))  # fmt: skip
    body_limit_kib = IntegerField(_l("Largest body, KB"), validators=[Optional(), NumberRange(1, MOST_BODY_BYTES // _KIB)],
                                  description=_l("Empty: 1,024 KB."))  # fmt: skip
    timeout_s = IntegerField(_l("Longest wait, seconds"), validators=[Optional(), NumberRange(1, LONGEST_WAIT_S)],
                             description=_l("Empty: the script’s own time limit."))  # fmt: skip
    cors_origins = StringField(_l("Pages that may call from a browser"), filters=[clean], validators=[Length(max=2000)],
                               description=_l("Such as https://shop.example, with commas between; * for all. Empty: none."))  # fmt: skip
    forward_authorization = BooleanField(
        _l("Pass the Authorization header on to the script"),
        description=_l("For scripts that check callers themselves. It is kept with each run, for all to see who see runs."),
    )  # fmt: skip

    def validate_signature_secret(self, field: StringField) -> None:
        if self.auth.data == "signature" and not field.data:
            raise ValidationError(_REQUIRED)

    def changes(self, kept: Endpoint | None = None) -> Changes:
        return Changes(
            path=self.path.data or "", methods=list(self.methods.data or []), auth=self.auth.data, mode=self.mode.data,
            options=self._options(kept.options if kept else {}),
        )  # fmt: skip

    def _options(self, before: Mapping[str, Any]) -> dict[str, Any]:
        body_limit = self.body_limit_kib.data
        shown = _kib(before.get("body_limit_bytes"))
        options = {
            "rate_per_minute": self.rate_per_minute.data,
            # A program may have set a limit between two KB: it stays as long as nobody writes another.
            "body_limit_bytes": before.get("body_limit_bytes") if body_limit == shown else body_limit and body_limit * _KIB,
            "timeout_s": self.timeout_s.data, "forward_authorization": self.forward_authorization.data or None,
            "cors": self._cors(before.get("cors") or {}),
            "signature": self._signature() if self.auth.data == "signature" else None,
        }  # fmt: skip
        return {name: value for name, value in options.items() if value is not None}

    def _cors(self, before: Mapping[str, Any]) -> dict[str, Any] | None:
        origins = [origin for part in (self.cors_origins.data or "").split(",") if (origin := part.strip())]
        return {**before, "origins": origins} if origins else None

    def _signature(self) -> dict[str, Any]:
        """A sender that was chosen without its details being shown brings its own."""
        secret = self.signature_secret.data or ""
        if self.preset.data != self.preset_shown.data and self.preset.data in PRESETS:
            return {"preset": self.preset.data, "secret": secret}
        names = [field.name for field in fields(Scheme)]
        given = {name: self[f"signature_{name}"].data for name in names}
        return {name: value for name, value in given.items() if value is not None}


def data_of(endpoint: Endpoint) -> dict[str, Any]:
    options = endpoint.options
    simple = {name: options.get(name) for name in ("rate_per_minute", "timeout_s", "forward_authorization")}
    return {
        "path": endpoint.path, "methods": endpoint.methods, "auth": endpoint.auth, "mode": endpoint.mode, **simple,
        "body_limit_kib": _kib(options.get("body_limit_bytes")),
        "cors_origins": ", ".join((options.get("cors") or {}).get("origins", [])),
        **signature_data(Scheme(**options["signature"]) if "signature" in options else PRESETS["plain"]),
    }  # fmt: skip


def signature_data(scheme: Scheme) -> dict[str, Any]:
    preset = next((name for name, known in PRESETS.items() if _alike(known, scheme)), CUSTOM)
    values = {f"signature_{field.name}": getattr(scheme, field.name) for field in fields(Scheme)}
    return {"preset": preset, "preset_shown": preset, **values}


def _alike(known: Scheme, scheme: Scheme) -> bool:
    names = {field.name for field in fields(Scheme)} - {"secret", "tolerance_s"}
    return all(getattr(known, name) == getattr(scheme, name) for name in names)


def _kib(size: int | None) -> int | None:
    return max(1, size // _KIB) if size else None
