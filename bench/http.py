"""Scripts behind HTTP: endpoints and embedded calls over real connections, on both databases, and how late schedules are.

Every run is recorded. The load comes from one loop over raw sockets, because it shares the processors with what it measures.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import func, insert, select

from bench import percentiles
from bench._stage import Stage, author, postgres, stage
from bench._yardstick import yardstick
from models import Execution, Schedule, db
from models.base import utcnow
from models.ids import uuid7
from models.schedule import Occurrence
from models.tenancy import as_system, as_tenant
from services import endpoints, process, scripts, tokens
from services.identity import Principal
from services.scripts import Changes

SUM_BY_CITY = """
const sums = {};
for (const order of (context.request?.body ?? context.input).orders) sums[order.city] = (sums[order.city] ?? 0) + order.net;
return sums;
"""
CITIES = ("Tashkent", "Samarkand", "Bukhara", "Namangan", "Andijan")
ORDERS = {
    "orders": [
        {"id": n, "city": CITIES[n % 5], "net": 1000 + n * 17.5, "client": f"ООО «Навруз {n}»"} for n in range(50)
    ]
}
ONE_S, MANY_S, WARM_S = 5.0, 6.0, 1.5
MANY, LOOPS = 20, 2
SCHEDULES_DUE, SCHEDULES_IDLE, IDLE_S = 1_000, 10_000, 10.0
HEAD, LENGTH = b"\r\n\r\n", b"content-length:"


@dataclass
class Connection:
    """One caller: sends, waits for the answer, sends again."""

    sock: socket.socket
    request: bytes
    answer: bytes = b""
    began: float = 0.0

    @classmethod
    def to(cls, port: int, request: bytes) -> Connection:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock, request)

    def send(self) -> None:
        self.answer, self.began = b"", time.perf_counter()
        self.sock.sendall(self.request)

    def receive(self) -> bool:
        """Whether the answer is whole."""
        data = self.sock.recv(65536)
        if not data:
            raise SystemExit("the server hung up")
        self.answer += data
        head, separator, body = self.answer.partition(HEAD)
        if not separator or len(body) < int(head.lower().partition(LENGTH)[2].split(b"\r\n")[0]):
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not what was wanted:\n{self.answer.decode(errors='replace')[:2000]}")
        return True


def load(port: int, request: bytes, connections: int, seconds: float) -> tuple[list[float], float]:
    """The time of each request, and how many a second were answered. What is under way at the end is waited for."""
    callers = [Connection.to(port, request) for _ in range(connections)]
    times: list[float] = []
    began, left = time.perf_counter(), connections
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.sock, selectors.EVENT_READ, caller)
            caller.send()
        while left:
            for key, _ in selector.select(1.0):
                if not key.data.receive():
                    continue
                now = time.perf_counter()
                if now < began + seconds:
                    times.append((now - key.data.began) * 1000)
                    key.data.send()
                else:
                    left -= 1
    for caller in callers:
        caller.sock.close()
    return times, len(times) / seconds


def post(path: str, body: object, token: str = "") -> bytes:
    content = json.dumps(body, ensure_ascii=False).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(frozen=True)
class Scene:
    stage: Stage
    owner: Principal
    other: Principal
    token: str


def measure(parts: Sequence[str] | None = None) -> dict[str, object]:
    chosen = [name for name in PARTS if parts is None or name in parts] or list(PARTS)
    names = [name for name in DATABASES if parts is None or name in parts] or list(DATABASES)
    wanted = [PARTS[name] for name in chosen if PARTS[name]] or [part for part in PARTS.values() if part]
    return {name: _on(name, wanted) for name in names}


def _on(database: str, wanted: Sequence[Callable[[Scene], dict[str, object]]]) -> dict[str, object]:
    with ExitStack() as left:
        url = left.enter_context(postgres()) if database == "postgresql" else None
        place = left.enter_context(stage(url, {}))
        with place.app.app_context():
            scene = _set_up(place)
            process.close(place.app)
        place.start_web()
        result: dict[str, object] = {}
        for part in wanted:
            result |= part(scene)
        return result | yardstick()


def _set_up(place: Stage) -> Scene:
    owner, other = author("bench"), author("other")
    _write(owner, "sums", SUM_BY_CITY)
    _write(other, "loop", "for (;;) {}")
    with as_tenant(db.session, owner.tenant.id):
        token = tokens.create(owner, "bench", owner.permissions).secret
        db.session.commit()
    return Scene(place, owner, other, token)


def _write(who: Principal, name: str, source: str) -> None:
    with as_tenant(db.session, who.tenant.id):
        script = scripts.create(who, Changes(name=name, source=source))
        auth = "token" if name == "sums" else "public"
        endpoints.create(who, script.id, endpoints.Changes(path=f"/{name}", methods=["POST"], auth=auth))
        db.session.commit()


def _endpoint(scene: Scene) -> dict[str, object]:
    port, request = scene.stage.port, post("/hooks/bench/sums", ORDERS, scene.token)
    load(port, request, MANY, WARM_S)
    one, _ = load(port, request, 1, ONE_S)
    before, used = _recorded(scene), _processors()
    many, rate = load(port, request, MANY, MANY_S)
    used = _processors() - used
    if _recorded(scene) - before < len(many):
        raise SystemExit("requests were answered whose runs are not recorded")
    return {
        "endpoint_ms": percentiles(one), "endpoint20_ms": percentiles(many), "endpoint_rps": round(rate, 1),
        "endpoint_cpu_ms": round(used * 1000 / len(many), 2),
    }  # fmt: skip


def _processors() -> float:
    """Seconds that all our processes but this one have used: what counts on a machine that others use too."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


def _recorded(scene: Scene) -> int:
    with scene.stage.app.app_context(), as_system(db.session):
        return db.session.scalar(select(func.count(Execution.id)).where(Execution.status == "succeeded")) or 0


def _hello(scene: Scene) -> dict[str, object]:
    request = b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    load(scene.stage.port, request, 1, 0.5)
    return {"hello_ms": percentiles(load(scene.stage.port, request, 1, 2.0)[0])}


def _api(scene: Scene) -> dict[str, object]:
    request = post("/api/v1/scripts/run/sums", {"input": ORDERS}, scene.token)
    load(scene.stage.port, request, 4, WARM_S)
    return {"api_execute_ms": percentiles(load(scene.stage.port, request, 1, ONE_S)[0])}


def _beside_loop(scene: Scene) -> dict[str, object]:
    """One connection to an endpoint, while another tenant's endpoint loops for ever, again and again."""
    port, request = scene.stage.port, post("/hooks/bench/sums", ORDERS, scene.token)
    load(port, request, 1, WARM_S)
    alone = percentiles(load(port, request, 1, ONE_S)[0])
    loops = [Connection.to(port, post("/hooks/other/loop", {})) for _ in range(LOOPS)]
    for loop in loops:
        loop.send()
    time.sleep(1.0)
    beside = percentiles(load(port, request, 1, ONE_S)[0])
    for loop in loops:
        loop.sock.close()
    return {"endpoint_beside_loop_ms": beside, "endpoint_alone_ms": alone}


def _schedules(scene: Scene) -> dict[str, object]:
    """A thousand due at the same minute: how long after it their runs are queued. Then ten thousand that are not due."""
    due = utcnow().replace(second=0, microsecond=0) + timedelta(minutes=1)
    if due - utcnow() < timedelta(seconds=12):
        due += timedelta(minutes=1)
    _add_schedules(scene, SCHEDULES_DUE, "* * * * *", due)
    scheduler = scene.stage.stack.start("scheduler")
    time.sleep(max(0.0, (due - utcnow()).total_seconds() + 4))
    with scene.stage.app.app_context(), as_system(db.session):
        rows = db.session.execute(
            select(Occurrence.due_at, Occurrence.created_at).where(Occurrence.due_at == due)
        ).all()
        db.session.execute(Schedule.__table__.delete())
        db.session.commit()
    if len(rows) != SCHEDULES_DUE:
        raise SystemExit(f"{len(rows)} of {SCHEDULES_DUE} schedules fired")
    lag = percentiles([(made - slot).total_seconds() * 1000 for slot, made in rows])
    without = _idle_percent(scheduler.pid)
    _add_schedules(scene, SCHEDULES_IDLE, "0 0 1 1 *", utcnow() + timedelta(days=300))
    return {
        "scheduler_lag_ms": lag, "scheduler_idle_percent": _idle_percent(scheduler.pid),
        "scheduler_idle_percent_without_schedules": without,
    }  # fmt: skip


def _idle_percent(pid: int) -> float:
    """Of one core, once it has been idle for a while."""
    time.sleep(11)
    used = _cpu_seconds(pid)
    time.sleep(IDLE_S)
    return round((_cpu_seconds(pid) - used) / IDLE_S * 100, 2)


def _add_schedules(scene: Scene, count: int, cron: str, at: datetime) -> None:
    with scene.stage.app.app_context(), as_tenant(db.session, scene.owner.tenant.id):
        script = scripts.by_name(scene.owner, "sums")
        rows = [{"id": uuid7(), "script_id": script.id, "cron": cron, "timezone": "UTC", "overlap": "allow", "next_run_at": at}
                for _ in range(count)]  # fmt: skip
        db.session.execute(insert(Schedule), rows)
        db.session.commit()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


DATABASES = ("sqlite", "postgresql")
PARTS: dict[str, Callable[[Scene], dict[str, object]] | None] = {
    "hello": _hello, "endpoint": _endpoint, "api": _api, "loop": _beside_loop, "schedules": _schedules,
    **dict.fromkeys(DATABASES),
}  # fmt: skip
