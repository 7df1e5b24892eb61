"""The engine process: one script at a time, each in a pristine isolate, everything outside it asked of the parent."""

from __future__ import annotations

import json
import os
import socket
import traceback
from collections import OrderedDict
from typing import Any, cast

from runtime import sandbox, wire
from runtime.chamber import BadSyntax, Chamber
from runtime.driver import ScriptFailure
from runtime.gauge import Gauge
from runtime.limits import MAX_MEMORY_MB, MIB
from runtime.script_run import MOST_FRAME, ScriptRun, failure_report

_REHEARSAL = {
    "run": 0, "key": "", "name": "rehearsal.js", "checked": True, "keep": False,
    "memory": MAX_MEMORY_MB * MIB, "cpu_s": 10.0, "log_lines": 0,
}  # fmt: skip
_SETTINGS = '{"maxOutput":1000,"maxCall":1000,"maxCalls":0,"maxLine":1000,"timeout":1000,"context":null}'


class _Nobody:
    """In a socket's place: hears all and says nothing."""

    def __init__(self, sock: socket.socket) -> None:
        self.fileno = sock.fileno

    def sendall(self, data: bytes) -> None: ...


class Child:
    """While idle it keeps one blank chamber, and one for each hot script with that compiled."""

    def __init__(
        self, sock: socket.socket, library: Any, gauge: Gauge, means: list[str], prepared: int, usual: str
    ) -> None:
        self._sock, self._inbox = sock, wire.Inbox(sock)
        self._library, self._gauge, self._means = library, gauge, means
        self._most_prepared = prepared
        self._usual = self._names = usual
        self._blank: Chamber | None = self._chamber()
        self._ready: dict[str, Chamber] = {}
        self._hot: OrderedDict[str, str] = OrderedDict()  # sources the parent need not send again

    def serve(self) -> None:
        """Until the parent hangs up."""
        self._send(wire.READY, json.dumps({"means": self._means, "pid": os.getpid()}))
        self._rehearse()
        self._rest()
        try:
            while True:
                kind, payload = self._inbox.receive(MOST_FRAME)
                if kind == wire.RUN:
                    self._run(payload)
                elif kind == wire.CHECK:
                    self._check(payload)
                elif kind == wire.PING:
                    self._send(wire.PONG, "")
        except (EOFError, ConnectionError):
            return

    def _rehearse(self) -> None:
        """A run that nobody asked for. A forked process gets each page as it first writes to it: a third of its first run."""
        sock, self._sock = self._sock, cast(socket.socket, _Nobody(self._sock))
        self._run(wire.pack_order(_REHEARSAL | {"names": self._usual}, "return 1", _SETTINGS))
        self._sock = sock

    def _send(self, kind: bytes, text: str) -> None:
        self._sock.sendall(wire.frame(kind, text.encode()))

    def _check(self, source: bytes) -> None:
        chamber = self._take(None)
        try:
            text = source.decode()
            chamber.check(text)
            chamber.compile(text, "script.js")  # some sources can be parsed, and are nested too deeply to be compiled
        except (BadSyntax, ScriptFailure) as failure:
            self._send(wire.VERDICT, json.dumps(failure_report(failure)))
        else:
            self._send(wire.VERDICT, "null")
        self._blank = chamber  # nothing ran in it

    def _run(self, payload: bytes) -> None:
        order, source, settings = wire.unpack_order(payload)
        key = order["key"]
        prepared = key in self._ready
        source = source or self._hot.get(key, "")  # an empty script is sent as it is
        chamber = self._take(key)
        run = ScriptRun(self._sock, self._inbox, self._gauge, chamber, order)
        self._gauge.limit(order["memory"], order["cpu_s"])
        chamber.isolate.limit_heap(order["memory"])
        failure = None if prepared else run.prepare(source)
        if failure is None:
            chamber.furnish(order["names"])
            if not run.perform(settings):
                os._exit(0)  # a new process is cheaper than waiting
        self._gauge.unlimit()
        if isinstance(failure, BadSyntax):
            self._blank = chamber  # nothing ran in it
        else:
            self._renew(order, source)
            chamber.close()
        self._rest()

    def _rest(self) -> None:
        """All is prepared: a run that is asked for now begins at once."""
        self._gauge.rest()
        self._send(wire.RESTED, "")

    def _take(self, key: str | None) -> Chamber:
        if key is not None and key in self._ready:
            return self._ready.pop(key)
        chamber, self._blank = self._blank or self._chamber(), None
        return chamber

    def _renew(self, order: dict[str, Any], source: str) -> None:
        """What a run used up is made again now, while nobody waits; before it is closed, as what isolates share is
        made anew when there is none left."""
        self._names = order["names"]
        self._blank = self._blank or self._chamber()
        if order["keep"]:
            self._keep(order["key"], source, order["name"])

    def _keep(self, key: str, source: str, name: str) -> None:
        self._hot[key] = source
        self._hot.move_to_end(key)
        if len(self._hot) > self._most_prepared:
            forgotten = self._ready.pop(self._hot.popitem(last=False)[0], None)
            if forgotten:
                forgotten.close()
        self._ready[key] = chamber = self._chamber()
        chamber.compile(source, name)

    def _chamber(self) -> Chamber:
        """Furnished as the last run wanted it: the next is likely to want the same."""
        chamber = Chamber(self._library, self._usual)
        chamber.furnish(self._names)
        return chamber


def begin(sock: socket.socket, errors: int, library: Any, namespaces: list[str], prepared: int, usual: str) -> None:
    """A forked process becomes an engine: keep three descriptors, give up the rest of the world, serve, end."""
    os.dup2(errors, 2)
    gauge = Gauge()
    _close_all_but({2, sock.fileno(), *gauge.files})
    try:
        Child(sock, library, gauge, namespaces + sandbox.lock_down(), prepared, usual).serve()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _close_all_but(kept: set[int]) -> None:
    low = 0
    for file in sorted(kept):
        os.closerange(low, file)
        low = file + 1
    os.closerange(low, 4096)
