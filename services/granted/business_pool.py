"""The connections to the business database of one process."""

import secrets
from collections.abc import Callable
from threading import Condition, Lock
from typing import Any

from services.granted.business_link import Link
from services.granted.deadline import Deadline


class Pool:
    """Few connections, lent in turn; one made for an old catalog, or no longer idle, is closed instead of lent again."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = Condition(Lock())
        self._idle: list[tuple[Any, Link]] = []
        self._lent: dict[int, Any] = {}
        self._closed = False

    def take(self, kind: Any, make: Callable[[], Link], deadline: Deadline) -> Link:
        with self._free:
            while len(self._lent) >= self._size:
                self._free.wait(deadline.glance())
            link = self._pick(kind)
            token = id(link) if link else -secrets.randbits(48)
            self._lent[token] = kind
        if link is None:
            try:
                link = make()
            finally:
                with self._free:
                    del self._lent[token]
                    if link is not None:
                        self._lent[id(link)] = kind
                    self._free.notify()
        return link

    def _pick(self, kind: Any) -> Link | None:
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] == kind:
                link = self._idle.pop(index)[1]
                if link.usable:
                    return link
                link.close()
        return None

    def give_back(self, link: Link) -> None:
        with self._free:
            kind = self._lent.pop(id(link), None)
            if kind is None or self._closed or not link.usable:
                link.close()
            else:
                self._idle.append((kind, link))
            while len(self._idle) > self._size:
                self._idle.pop(0)[1].close()
            self._free.notify()

    def forget_idle(self) -> None:
        with self._free:
            for _, link in self._idle:
                link.close()
            self._idle.clear()

    def close(self) -> None:
        self._closed = True
        self.forget_idle()
