"""The worker: takes runs from the queue and has them performed by its dispatcher's threads."""

import logging
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
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from jobs.tasks import Dispatcher
from jobs.web import nothing
from services.queue import connection, queue
from settings import Settings

log = logging.getLogger(__name__)

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


class LeanWorker(SimpleWorker):
    """RQ's own worker asks Redis a score of times a job: to say that it lives, for which once in a few seconds will do, and to
    keep what our database knows. For a job that is done once its runs are taken, that was most of a worker's time."""

    app: Flask
    max_connection_wait_time = 5.0  # RQ's minute between two looks would outlast a Redis that is back
    was_asked_to_stop = False
    _beat_at = float("-inf")

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Takes its runs, and forgets it. No deadline interrupts that: runs have their own, and a lease."""
        self.set_state(WorkerStatus.BUSY)  # a signal to stop waits until it is done
        try:
            with self.app.app_context():
                job.perform()
        except Exception:
            log.exception("job %s could not be taken; its runs are handed over again once their time is over", job.id)
        with self.connection.pipeline(transaction=False) as steps:
            steps.lrem(queue.intermediate_queue_key, 1, job.id)
            steps.unlink(job.key)
            steps.execute()
        self.set_state(WorkerStatus.IDLE)

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
