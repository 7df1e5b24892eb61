"""DNS with a deadline."""

import ipaddress
import socket
from collections.abc import Callable
from queue import Empty, Queue
from threading import BoundedSemaphore, Thread

from services.granted.address_kinds import Address
from services.granted.deadline import Deadline

Resolve = Callable[[str, Deadline], list[Address]]

# A dead DNS server keeps look-ups hanging for up to half a minute each; this is how many may.
_lookups = BoundedSemaphore(32)


class NameNotFound(Exception):
    pass


def resolve(host: str, deadline: Deadline) -> list[Address]:
    """Every address of the host, from the system's resolver.

    `getaddrinfo` cannot be interrupted, so it runs in a daemon thread that is abandoned when the time is up.
    """
    while not _lookups.acquire(timeout=deadline.glance()):
        pass
    answers: Queue[list[Address] | OSError | ValueError] = Queue(maxsize=1)
    Thread(target=_look_up, args=(host, answers), daemon=True, name=f"dns {host}").start()
    answer = _await(answers, deadline)
    if isinstance(answer, Exception):
        raise NameNotFound(host)
    return answer


def _look_up(host: str, answers: "Queue[list[Address] | OSError | ValueError]") -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found)))
    except (OSError, ValueError) as error:  # UnicodeError, which getaddrinfo may raise, is a ValueError
        answers.put(error)
    finally:
        _lookups.release()


def _await(
    answers: "Queue[list[Address] | OSError | ValueError]", deadline: Deadline
) -> list[Address] | OSError | ValueError:
    while True:
        try:
            return answers.get(timeout=deadline.glance())
        except Empty:
            continue
