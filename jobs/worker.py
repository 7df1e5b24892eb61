"""The worker: takes runs from the queue and has them performed by its dispatcher's threads."""

import os
import socket
import sys
import time
import uuid
from collections.abc import Callable
from types import FrameType
from typing import Any

from flask import Flask
from redis.client import Pipeline
from rq import SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from jobs.tasks import Dispatcher
from jobs.web import nothing
from services.queue import connection, queue
from settings import Settings

# People who wait for a page come before events.
NICENESS = 5
HEARTBEAT_EVERY_S = 5.0


def run_worker(settings: Settings, app: Flask, on_stop: Callable[[], None] = nothing) -> None:
    """Work until SIGTERM; runs at hand are finished first. One queue: on several, a crash could lose a popped job."""
    os.nice(NICENESS)
    dispatcher = app.extensions["dispatcher"] = Dispatcher(app, settings.script_vm_pool_size + 2)
    redis = connection(settings)
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    worker = LeanWorker(
        [queue(redis)], name=name, connection=redis, serializer=JSONSerializer, log_job_description=False
    )
    worker.app = app
    try:
        worker.work(logging_level="WARNING")
    finally:
        dispatcher.close(settings.drain_seconds)
        on_stop()
    if not worker.was_asked_to_stop:
        sys.exit("The worker lost its queue; whoever supervises it starts it again.")


class NoDeathPenalty(BaseDeathPenalty):
    """RQ would interrupt a job by raising from a signal, anywhere. Runs have their own deadline, and a lease."""

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class LeanWorker(SimpleWorker):
    """RQ's own worker asks Redis a score of times a job, mostly to say that it lives. Once in a few seconds will do."""

    app: Flask
    death_penalty_class = NoDeathPenalty
    was_asked_to_stop = False
    _beat_at = float("-inf")

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        with self.app.app_context():
            return super().perform_job(job, queue, execution)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        if time.monotonic() - self._beat_at > HEARTBEAT_EVERY_S:
            self._beat_at = time.monotonic()
            super().heartbeat(timeout, pipeline)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        self._state = state  # nobody reads the copy in Redis

    def check_for_suspension(self, burst: bool) -> None:
        """`rq suspend` is not how this product is paused; SCRIPTS_ENABLED is."""

    def request_stop(self, signum: int, frame: FrameType | None) -> Any:
        self.was_asked_to_stop = True
        return super().request_stop(signum, frame)
