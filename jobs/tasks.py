"""What workers do: take runs from a job and perform them on the engine pool, many at a time, fair between tenants.

A job is done as soon as its runs are taken: how long they take is no business of the queue. What this process holds and
has not begun is still `queued` in the database; if the process dies, the sweep hands it over again.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from queue import SimpleQueue
from uuid import UUID

from flask import Flask, current_app

from jobs.waiting import LOOK_AGAIN_S, Waiting
from models.base import db
from models.tenancy import as_tenant
from services import batch, outbox
from services.batch import Ended
from services.beginning import MINUTE, Beginning
from services.beginning import of as beginning_of
from services.calls import Call
from services.hands import hands
from services.performing import conclude
from services.performing import ended as ended_of
from services.policies.concurrency import leave, most_at_once
from services.queue import HandedOver

log = logging.getLogger(__name__)

# Between two turns of the clerk. What ends and what may begin meanwhile shares a transaction. It rests no longer while half of
# the threads may have nothing to do.
TURN_EVERY_S = 0.02


def take(runs: Sequence[Sequence[str]]) -> None:
    """The one task there is."""
    current_app.extensions["dispatcher"].add((UUID(tenant), UUID(script), UUID(run)) for tenant, script, run in runs)


class Dispatcher:
    """The threads of a worker process: some perform runs, one (the clerk) speaks with the database for all of them."""

    def __init__(self, app: Flask, threads: int) -> None:
        self._app = app
        self._waiting = Waiting()
        self._ready: SimpleQueue[tuple[HandedOver, Call, ExitStack] | None] = SimpleQueue()
        self._ended: list[tuple[Ended, ExitStack]] = []
        self._most = self._free = threads
        self._stopping = self._is_resting = False
        self._changed = threading.Condition()  # the clerk alone waits for it: whoever wakes all wakes them for nothing
        names = [*(f"worker-{n}" for n in range(threads)), "clerk"]
        works = [*([self._work] * threads), self._keep_books]
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True) for name, work in zip(names, works, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, runs: Iterable[HandedOver]) -> None:
        with self._changed:
            for run in runs:
                self._waiting.add(run)
            self._wake_clerk()

    def close(self, drain_seconds: float) -> None:
        """What runs may finish; what waits is given back for another worker."""
        with self._changed:
            self._stopping = True
            left = self._waiting.take_all()
            self._changed.notify()
        if left:
            with self._app.app_context():
                outbox.put_back(left)
        until = time.monotonic() + drain_seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # ---- The clerk. ----

    def _keep_books(self) -> None:
        failures = 0
        while self._has_work():
            began = time.monotonic()
            with self._changed:
                ended, self._ended = self._ended, []
                taken = self._take(ended)
            try:
                if ended or taken:
                    self._turn(ended, taken)
                failures = 0
            except Exception:
                failures += 1
                log.exception("the database did not take what workers did; it is asked again")
                self._undo(ended, taken)
            if failures:
                time.sleep(min(2.0, 0.1 * 2.0 ** min(failures, 5)))
            else:
                self._rest(TURN_EVERY_S - (time.monotonic() - began))
        for _ in range(self._most):
            self._ready.put(None)

    def _has_work(self) -> bool:
        """Waits until there is some; False when everything is done and the process ends."""
        with self._changed:
            while not self._ended and not (self._free > 0 and len(self._waiting) and not self._stopping):
                if self._stopping and self._free == self._most:
                    return False
                self._changed.wait(LOOK_AGAIN_S)
            return True

    def _rest(self, seconds: float) -> None:
        """Being woken by every run would cost more than it is worth, so only who sees much to do wakes the clerk."""
        with self._changed:
            self._is_resting = True
            self._changed.wait_for(self._has_much_to_do, max(0.0, seconds))
            self._is_resting = False

    def _has_much_to_do(self) -> bool:
        is_much = len(self._ended) >= self._most // 2 or (bool(self._ended) and self._free == self._most)
        return self._stopping or (is_much and len(self._waiting) > 0)

    def _wake_clerk(self) -> None:
        if not self._is_resting or self._has_much_to_do():
            self._changed.notify()

    def _take(self, ended: list[tuple[Ended, ExitStack]]) -> list[HandedOver]:
        """One for each free thread, and as many again as just ended: threads have something to go on with while the clerk
        turns, and where runs take long, nothing is held up behind them."""
        for one, _ in ended:
            self._waiting.left(_handed_over(one.call))
        taken: list[HandedOver] = []
        room = self._free + min(len(ended), self._most)
        while len(taken) < room and not self._stopping:
            run = self._waiting.next(time.monotonic())
            if run is None:
                break
            taken.append(run)
        self._free -= len(taken)
        return taken

    def _turn(self, ended: list[tuple[Ended, ExitStack]], taken: list[HandedOver]) -> None:
        with self._app.app_context():
            turn = batch.turn([one for one, _ in ended], [run_id for _, _, run_id in taken])
            for one in turn.told:
                _conclude_alone(one)
            if ended:
                leave([one.call for one, _ in ended])
            beginning = beginning_of(turn.begun)
            steward = hands().steward
        for _, watch in ended:
            watch.close()
        ours = {call.execution_id: call for call in beginning.now}
        with self._changed:
            for run in taken:
                if run[2] in beginning.waiting:
                    self._wait_again(run, beginning)
                elif call := ours.pop(run[2], None):
                    self._waiting.allow(run, *most_at_once(call))
                    watch = ExitStack()
                    watch.enter_context(steward.watching(call.execution_id))
                    self._ready.put((run, replace(call, is_admitted=True), watch))
                else:
                    self._free += 1  # somebody else has it, or nobody should
                    self._waiting.left(run)

    def _wait_again(self, run: HandedOver, beginning: Beginning) -> None:
        """Its turn had not come: it keeps its place, and no attempt is burnt."""
        self._free += 1
        self._waiting.left(run)
        if not self._stopping:
            self._waiting.add_first(run)
            whose, now = beginning.waiting[run[2]], time.monotonic()
            if whose == MINUTE:
                self._waiting.is_closed(run[0], now + beginning.next_minute_in)
            else:
                self._waiting.is_full(run[1] if whose == "script" else run[0], now)

    def _undo(self, ended: list[tuple[Ended, ExitStack]], taken: list[HandedOver]) -> None:
        with self._changed:
            self._ended = ended + self._ended
            self._free += len(taken)
            for one, _ in ended:
                self._waiting.took(_handed_over(one.call))
            for run in reversed(taken):
                self._waiting.left(run)
                self._waiting.add_first(run)

    # ---- The others. ----

    def _work(self) -> None:
        while (job := self._ready.get()) is not None:
            run, call, watch = job
            try:
                with self._app.app_context():
                    left_to_clerk = self._perform(call, watch)
            except Exception:
                log.exception("run %s could not be finished; the sweep finds it", call.execution_id)
                left_to_clerk = False
            if not left_to_clerk:
                watch.close()
            with self._changed:
                self._free += 1
                if not left_to_clerk:
                    self._waiting.left(run)
                self._waiting.has_room(run[0], run[1])
                self._wake_clerk()

    def _perform(self, call: Call, watch: ExitStack) -> bool:
        """Whether the clerk writes its end, with others; failures are concluded here, for they have consequences."""
        values = ended_of(call)
        if values["status"] == "succeeded":
            with self._changed:
                self._ended.append((Ended(call, values), watch))
            return True
        leave([call])
        with as_tenant(db.session, call.tenant_id):
            conclude(call, values)
        return False


def _handed_over(call: Call) -> HandedOver:
    return call.tenant_id, call.script_id, call.execution_id


def _conclude_alone(one: Ended) -> None:
    """What goes wrong with one end must not undo the turn of the others."""
    try:
        with as_tenant(db.session, one.call.tenant_id):
            conclude(one.call, dict(one.values))
    except Exception:
        log.exception("run %s could not be finished; the sweep finds it", one.call.execution_id)
