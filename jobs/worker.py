"""The worker: takes ids from the queue and performs them, one at a time, in this process."""

import socket
import sys
import uuid
from collections.abc import Callable
from types import FrameType
from typing import Any

from flask import Flask
from rq import SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from jobs.web import nothing
from services.queue import QUEUE_NAME, connection
from settings import Settings


def run_worker(settings: Settings, app: Flask, on_stop: Callable[[], None] = nothing) -> None:
    """Work until SIGTERM; the job at hand is finished first. One queue: on several, a crash could lose a popped job."""
    redis = connection(settings)
    queue = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    worker = AppWorker([queue], name=name, connection=redis, serializer=JSONSerializer, log_job_description=False)
    worker.app = app
    try:
        worker.work(logging_level="WARNING")
    finally:
        on_stop()
    if not worker.was_asked_to_stop:
        sys.exit("The worker lost its queue; whoever supervises it starts it again.")


class NoDeathPenalty(BaseDeathPenalty):
    """RQ would interrupt a job by raising from a signal, anywhere. Runs have their own deadline, and a lease."""

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class AppWorker(SimpleWorker):
    """Each job in an application context of its own, as a request has one."""

    app: Flask
    death_penalty_class = NoDeathPenalty
    was_asked_to_stop = False

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        with self.app.app_context():
            return super().perform_job(job, queue, execution)

    def request_stop(self, signum: int, frame: FrameType | None) -> Any:
        self.was_asked_to_stop = True
        return super().request_stop(signum, frame)
