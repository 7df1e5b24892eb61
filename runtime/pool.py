"""Engines: made ahead and on demand, lent to one run at a time, looked after, replaced, drained."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from runtime.engine import Engine
from runtime.errors import EngineUnavailable
from runtime.fairness import Places
from runtime.limits import MIB, RuntimeConfig
from runtime.nursery import Nursery
from runtime.workers import Workers

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, MOST_BACKOFF_S = 0.1, 5.0
MOST_PAUSE_S = 1.0
"""Between two engines for runs that wait, while engines die at their birth."""
UNFIT_AFTER = 3
"""So many stillborn engines in a row are held against the zygote."""
SPARE_FOR_EVERY = 5
"""Places there is one more for, which only a tenant has that holds none: see fairness.py."""
PING_TIMEOUT_S = 5.0
HEAD_START_S = 0.005
"""While an engine stands ready, the run that follows a kill goes first: a fork would share the processor with it."""
ROW_S, MORE_IN_A_ROW = 2.0, 2
"""When engines die so soon after one another, so many more are kept ready: one is not replaced before the next may be gone."""
_DEATHS = frozenset({"timeout", "cpu", "memory", "cancelled", "crashed", "died"})


class Stillborn(EngineUnavailable):
    """It was forked, and did not live to be of use: the next one may."""


class Exhausted(Exception):
    """No place or no engine in time; `turn` says why."""

    def __init__(self, turn: str) -> None:
        super().__init__(turn)
        self.turn = turn


OnWait = Callable[[Callable[[], object]], None]
"""Is given a function that ends the waiting, for whoever cancels."""


def _nobody_cancels(_: Callable[[], object]) -> None:
    """For those who wait to the end."""


class Pool:
    """Places bound how many runs go on at once; the stock of idle engines is kept a little ahead of need."""

    def __init__(self, config: RuntimeConfig) -> None:
        self._config = config
        self._nursery = Nursery(config.prepared_sources)
        self._places = Places(config.pool_size, config.pool_size // SPARE_FOR_EVERY)
        self._workers = Workers()  # make engines for runs that wait, so that these can hear of a cancel
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._idle: list[Engine] = []
        self._leased: set[Engine] = set()
        self._wanted: deque[Future[Engine]] = deque()
        self._making = 0
        self._created, self._errors, self._stillborn = 0, 0, 0
        self._destroyed: Counter[str] = Counter()
        self._last_error: str | None = None
        self._means: tuple[str, ...] = ()
        self._closing = False
        self._backoff = 0.0
        self._last_deaths = deque([-ROW_S, -ROW_S], maxlen=2)
        self._keeper = threading.Thread(target=self._keep, name="engine-keeper", daemon=True)
        self._keeper.start()

    # ---- Lending. ----

    def take_place(self, tenant: str | None, on_wait: OnWait = _nobody_cancels) -> None:
        """The right to run, until the place is given back; raises Exhausted."""
        turn = self._places.take(tenant, self._config.acquire_timeout_ms / 1000, on_wait)
        if turn != "granted":
            raise Exhausted(turn)

    def give_place(self, tenant: str | None = None) -> None:
        self._places.give(tenant)

    def lease(self, key: str | None = None, on_wait: OnWait = _nobody_cancels) -> Engine:
        """An engine for a holder of a place: one that is ready, with the source prepared if there is one."""
        while True:
            with self._lock:
                engine = self._pick(key)
                if engine:
                    self._leased.add(engine)
            if engine is None:
                return self._await_engine(on_wait)
            if not engine.dead:
                return engine
            self.release(engine)

    def _await_engine(self, on_wait: OnWait) -> Engine:
        """The first that comes: another run may give one back before a new one is made."""
        coming: Future[Engine] = Future()
        with self._changed:
            self._wanted.append(coming)
            self._meet_wants()
            self._changed.notify_all()
        on_wait(coming.cancel)
        try:
            return coming.result(max(self._config.acquire_timeout_ms / 1000, self._config.start_timeout_s))
        except CancelledError:
            raise Exhausted("cancelled") from None
        except TimeoutError:
            if coming.cancel():
                raise Exhausted("timed_out") from None
            return coming.result()
        except BaseException:  # an interrupt: what comes is for others
            if not coming.cancel():
                self.release(coming.result())
            raise

    def release(self, engine: Engine, reason: str | None = None) -> None:
        """Take an engine back, or let it go when it is dead, worn out, or not wanted."""
        reason = reason or self._worn(engine)
        engine.released = time.monotonic()
        with self._changed:
            self._leased.discard(engine)
            if reason in _DEATHS:
                self._last_deaths.append(engine.released)
            if reason is None and not self._closing:
                self._means = engine.means or self._means
                self._offer(engine)
                return
            self._changed.notify_all()
        self._destroy(engine, reason or "closed")

    def _pick(self, key: str | None) -> Engine | None:
        if not self._idle:
            return None
        engine = self._best(key)
        self._idle.remove(engine)
        if len(self._idle) < self._ahead() - 1:
            self._changed.notify_all()
        return engine

    def _best(self, key: str | None) -> Engine:
        """Of two that are ready the one used last: what it needs is still in the processor's caches."""
        able = [engine for engine in reversed(self._idle) if engine.rested] or self._idle
        return next((engine for engine in able if key in engine.prepared), able[0])

    def _worn(self, engine: Engine) -> str | None:
        if engine.dead:
            return "died"
        if engine.stepped_back:
            return "stepped_back"
        if engine.uses >= self._config.max_uses:
            return "uses"
        if time.monotonic() - engine.born > self._config.max_age_s:
            return "age"
        return None

    # ---- Making and unmaking. ----

    def extra_engine(self) -> Engine:
        """One beyond the pool, for its holder to bury."""
        return self._create()

    def has_engines(self) -> bool:
        """Or could make them, when it last tried."""
        with self._lock:
            return self._last_error is None or bool(self._idle)

    def _meet_wants(self) -> None:
        """As many in the making as are waited for. The lock is held."""
        self._wanted = deque(coming for coming in self._wanted if not coming.done())
        while self._making < len(self._wanted) and not self._closing:
            self._making += 1
            self._workers.submit(self._make)

    def _offer(self, engine: Engine) -> None:
        """To who waits longest, else to the stock. The lock is held."""
        while self._wanted:
            coming = self._wanted.popleft()
            if coming.set_running_or_notify_cancel():
                self._leased.add(engine)
                coming.set_result(engine)
                return
        self._idle.append(engine)

    def _disappoint(self, problem: EngineUnavailable) -> None:
        with self._lock:
            if self._wanted and (coming := self._wanted.popleft()).set_running_or_notify_cancel():
                coming.set_exception(problem)

    def _make(self) -> EngineUnavailable | None:
        """One more engine, which `_making` counts already; or why there is none."""
        try:
            self._pause_after_stillbirths()
            engine = self._create()
            if self._stillborn or not self._wanted:
                self._see_it_stand(engine)  # else whoever waits for it does
        except Stillborn as problem:
            return problem
        except EngineUnavailable as problem:
            self._disappoint(problem)
            return problem
        else:
            self.release(engine)
            return None
        finally:
            with self._changed:
                self._making -= 1
                self._meet_wants()
                self._changed.notify_all()

    def _pause_after_stillbirths(self) -> None:
        with self._changed:
            if self._stillborn:
                pause = min(MOST_PAUSE_S, FIRST_BACKOFF_S * 2.0 ** min(self._stillborn, 10))
                self._changed.wait_for(lambda: self._closing, pause)

    def _see_it_stand(self, engine: Engine) -> None:
        """It is of use once it answers."""
        if not engine.ping(self._config.start_timeout_s):
            self._destroy(engine, "died")
            raise Stillborn(self._last_error or "an engine died at its birth")
        with self._lock:
            if self._stillborn:
                log.warning("engines live again, after %d that died at their birth", self._stillborn)
            self._stillborn, self._last_error = 0, None

    def _create(self) -> Engine:
        try:
            engine = Engine(self._nursery, self._config.prepared_sources)
        except (EngineUnavailable, OSError) as error:
            with self._lock:
                self._errors += 1
                self._last_error = str(error)
            raise EngineUnavailable(str(error)) from None
        with self._lock:
            self._created += 1
            if not self._stillborn:
                self._last_error = None
        return engine

    def _destroy(self, engine: Engine, reason: str) -> None:
        """To its very end: what is left of a process would share the processor with the run that follows."""
        if reason == "died" and not engine.stood:
            reason = "stillborn"
        number, said = engine.bury()
        if said or reason in ("died", "stillborn"):
            log.warning("engine %s (%s, signal %s) said: %s", engine.pid, reason, number, said[-2000:] or "nothing")
        with self._lock:
            self._destroyed[reason] += 1
        if reason == "stillborn":
            self._mourn(f"an engine died at its birth (signal {number}): {said[-200:] or 'it said nothing'}")

    def _mourn(self, problem: str) -> None:
        with self._lock:
            self._stillborn += 1
            self._errors += 1
            self._last_error = problem
            is_unfit = self._stillborn >= UNFIT_AFTER
        if is_unfit:
            self._nursery.renew()

    def _keep(self) -> None:
        """The keeper's thread: stock, health, age."""
        looked = time.monotonic()
        while not self._closing:
            try:
                self._restock()
                if time.monotonic() - looked > self._config.health_interval_s:
                    looked = time.monotonic()
                    self._inspect()
            except Exception:
                log.exception("looking after the engines failed")
            with self._changed:
                if not self._closing and self._stocked():
                    self._changed.wait(self._config.health_interval_s)
                elif self._backoff and not self._closing:
                    self._changed.wait(self._backoff)

    def _stocked(self) -> bool:
        coming = self._making - len(self._wanted)
        return len(self._idle) + coming >= self._ahead() - bool(self._leased)

    def _ahead(self) -> int:
        """How many engines to keep ready."""
        is_a_row = time.monotonic() - self._last_deaths[0] < ROW_S
        return self._config.warm + MORE_IN_A_ROW * is_a_row

    def _restock(self) -> None:
        while True:
            with self._changed:
                if self._closing or self._stocked():
                    return
                self._making += 1
                if self._idle:
                    self._changed.wait_for(lambda: self._wanted or self._closing, HEAD_START_S)
            problem = self._make()
            if problem:
                self._backoff = min(MOST_BACKOFF_S, self._backoff * 2 or FIRST_BACKOFF_S)
                if not self._closing:
                    log.error("no engine could be made, next attempt in %.1f s: %s", self._backoff, problem)
                return
            self._backoff = 0.0

    def _inspect(self) -> None:
        """Every idle engine in turn, out of the stock while it is looked at."""
        with self._lock:
            waiting = list(self._idle)
        for engine in waiting:
            with self._lock:
                if engine not in self._idle:
                    continue
                self._idle.remove(engine)
                self._leased.add(engine)
                surplus = len(self._idle) >= self._config.warm
            rested = time.monotonic() - engine.released
            released, reason = engine.released, self._unfit(engine, surplus and rested > self._config.idle_s)
            self.release(engine, reason)
            engine.released = released

    def _unfit(self, engine: Engine, surplus: bool) -> str | None:
        if surplus:
            return "idle"
        if not engine.ping(PING_TIMEOUT_S):
            return "unhealthy"
        if engine.resident() > self._config.max_idle_memory_mb * MIB:
            return "memory"
        return None

    # ---- Knowing and ending. ----

    def stats(self) -> dict[str, Any]:
        with self._lock:
            return {
                "size": self._config.pool_size,
                "available": len(self._idle),
                "in_use": len(self._leased),
                "waiting": self._places.waiting,
                "created": self._created,
                "destroyed": dict(self._destroyed),
                "errors": self._errors,
                "last_error": self._last_error,
                "means": list(self._means),
            }

    def engine_pids(self) -> list[int]:
        with self._lock:
            return [engine.pid for engine in (*self._idle, *self._leased)]

    @property
    def zygote_pid(self) -> int | None:
        return self._nursery.pid

    def refuse(self) -> None:
        """Waiting work is told; running work goes on."""
        self._places.close()

    def close(self) -> None:
        """After the last run has ended: nothing of the pool is left."""
        self.refuse()
        with self._changed:
            self._closing = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for engine in idle:
            self._destroy(engine, "closed")
        self._keeper.join(self._config.start_timeout_s)
        with self._changed:
            self._changed.wait_for(lambda: not self._making, self._config.start_timeout_s)
        self._workers.close()
        self._nursery.close()
