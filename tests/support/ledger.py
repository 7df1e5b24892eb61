"""Somebody outside who writes down what scripts say of themselves: neither database nor queue can flatter themselves here."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tests.support.http_servers import LoopbackServer, Peer, Received, answer


@dataclass(frozen=True)
class Word:
    at: float
    run: str
    attempt: int
    what: str  # begin, end


class Ledger:
    """`with Ledger() as ledger:`; scripts say `begin` and `end` to `ledger.url`, see `source`."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self._lock = threading.Lock()
        self._server = LoopbackServer({"/begin": self._write, "/end": self._write})

    def __enter__(self) -> "Ledger":
        self._server.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.__exit__(*problem)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.port}"

    def source(self, between: str = "") -> str:
        """A script that says when it begins and, if it comes so far, when it ends."""
        say = f"await sdk.http.post('http://{self.host}/%s?' + context.execution.id + '/' + context.execution.attempt, '');\n"
        return say % "begin" + between + "\n" + say % "end" + "return 1"

    def _write(self, peer: Peer, request: Received) -> None:
        what, _, who = request.path.strip("/").partition("?")
        run, _, attempt = who.partition("/")
        with self._lock:
            self.words.append(Word(time.monotonic(), run, int(attempt), what))
        peer.send(answer(200))

    def begun(self) -> set[str]:
        return {word.run for word in self.words}

    def faults(self) -> list[str]:
        """Attempts that began twice, or spoke after a later one had begun: two of one delivery at the same time."""
        found: list[str] = []
        by_run: dict[str, list[Word]] = defaultdict(list)
        for word in self.words:
            by_run[word.run].append(word)
        for run, words in by_run.items():
            begun = [word.attempt for word in words if word.what == "begin"]
            spoke = [word.attempt for word in words]
            if len(begun) != len(set(begun)):
                found.append(f"{run} began an attempt twice: {begun}")
            if spoke != sorted(spoke):
                found.append(f"{run} had attempts at the same time: {spoke}")
        return found


def facts(ledger: Ledger) -> dict[str, Any]:
    """For whoever runs the long version and wants to know what it saw."""
    return {"runs": len(ledger.begun()), "begun": sum(word.what == "begin" for word in ledger.words)}
