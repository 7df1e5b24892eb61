"""Every page there is, by who looks at it: a new page adds its line here, and is then held to what all pages are held to."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Visit:
    """`{names}` in the path are keys of the fixture `things`. With `press`, the page after that button is the one looked at."""

    path: str
    status: int = 200
    press: str = ""
    fill: Mapping[str, str] = field(default_factory=dict)  # label of a field → what is typed before pressing
    check: str = ""  # label of a box to check before pressing


ALICE = (
    Visit("/"),
    Visit("/dev/components"),
    Visit("/users"),
    Visit("/users?q=nobody-here"),
    Visit("/users/invite"),
    Visit("/users/invite", 422, press="Invite", fill={"E-mail": "not an address"}),
    Visit("/users/invite", press="Invite", fill={"E-mail": "nodira@acme.test"}),  # the one-time link
    Visit("/users/{user}"),
    Visit("/roles"),
    Visit("/roles/new"),
    Visit("/roles/{own_role}"),
    Visit("/roles/{builtin_role}"),
    Visit("/tokens"),
    Visit("/tokens/new"),
    Visit("/tokens/new", press="Create", fill={"Name": "Billing"}, check="See scripts"),  # shown once
    Visit("/audit"),
    Visit("/audit?actor=nobody-here"),
    Visit("/reference"),
    Visit("/reference/api"),
    Visit("/reference/api?operation=scripts_update"),
    Visit("/reference/api?operation=nothing", 404),
    Visit("/secrets"),
    Visit("/secrets/new"),
    Visit("/secrets/new", 422, press="Save"),
    Visit("/secrets/{secret}"),
    Visit("/scripts/new"),
    Visit("/scripts/new", 422, press="Create"),
    Visit("/scripts/{script}"),
    Visit("/scripts/{script}/parameters"),
    Visit("/scripts/{script}/triggers"),
    Visit("/scripts/{script}/limits"),
    Visit("/scripts/{script}/limits", 422, press="Save", fill={"Time limit": "forever"}),
    Visit("/scripts/{script}/settings"),
    Visit("/scripts/{script}/delete"),
    Visit("/scripts/{script}/versions"),
    Visit("/scripts/{script}/versions/1"),
    Visit("/scripts/{script}/versions/1/restore"),
    Visit("/scripts/{script}/compare"),
    Visit("/scripts"),
    Visit("/scripts?words=nothing-is-called-so"),
    Visit("/executions"),
    Visit("/executions?view=failures"),
    Visit("/executions/{run}"),
    Visit("/schedules"),
    Visit("/schedules/{schedule}"),
    Visit("/scripts/{script}/schedules"),
    Visit("/scripts/{script}/schedules/new"),
    Visit("/events"),
    Visit("/events?type=nothing.is.called.so"),
    Visit("/events/{event}"),
    Visit("/scripts/{script}?event={event}"),
    Visit("/events/new?type=order.created"),
    Visit("/events/new", 422, press="Publish the event", fill={"Event type": "not a type"}),
    Visit("/subscriptions"),
    Visit("/subscriptions/{subscription}"),
    Visit("/scripts/{script}/subscriptions/new"),
    Visit("/scripts/{script}/subscriptions/new", 422, press="Save subscription", fill={"Event type": "order*"}),
    Visit("/endpoints"),
    Visit("/endpoints/{endpoint}"),
    Visit("/scripts/{script}/endpoints/new"),
    Visit("/scripts/{script}/endpoints/new", 422, press="Save endpoint", fill={"Path": "../.."}),
    Visit("/dead-letters"),
    Visit("/dead-letters?state=resolved"),
    Visit("/dead-letters?code=RUNTIME_ERROR&since=2026-01-01"),
    Visit("/dead-letters/{letter}"),
    Visit("/dev/editor"),
    Visit("/settings"),
    Visit("/profile"),
    Visit("/search"),
    Visit("/search?q=a"),
    Visit("/search?q=nothing-is-called-so"),
    Visit("/tenants", 403),
    Visit("/nowhere", 404),
    Visit("/too-fast", 429),
    Visit("/broken", 500),
)
ROOT = (
    Visit("/tenants"),
    Visit("/tenants/new"),
    Visit("/tenants/new", 422, press="Create"),
    Visit("/tenants/{tenant}/limits"),
    Visit("/profile"),
    Visit("/nowhere", 404),
)
STRANGER = (
    Visit("/sign-in"),
    Visit("/sign-in", 422, press="Sign in", fill={"E-mail": "a@b.test", "Password": "not the password"}),
    Visit("/welcome/{link}"),
    Visit("/welcome/used-already", 404),
    Visit("/nowhere/at/all", 404),
    Visit("/too-fast", 429),
)
VISITS = {"alice": ALICE, "root": ROOT, "stranger": STRANGER}
