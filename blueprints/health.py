"""For load balancers: does the process answer, and can it work?"""

from flask import Blueprint, Response, jsonify

from services import health

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
def live() -> Response:
    return jsonify(status="ok")


@bp.get("/ready")
def ready() -> Response:
    checks = health.checks()
    answer = jsonify(status="ok" if all(checks.values()) else "unavailable",
                     checks={name: "ok" if ok else "failed" for name, ok in checks.items()})  # fmt: skip
    answer.status_code = 200 if all(checks.values()) else 503
    return answer
