"""Begins and ends of the runs that requests wait for. What comes while one transaction is under way shares the next.

There is no thread for it and no pause: whoever finds nobody writing writes, for all who wait by then. So a lone request
pays for nobody, and twenty at once share their commits.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from models.audit_entry import AuditEntry
from models.base import db
from models.execution import Execution
from models.tenancy import system_transaction
from services import batch
from services.batch import Ended
from services.per_process import have, this_app

# Made once: building them would cost more than executing them.
_BEGIN, _AUDIT = (insert(cast(Table, model.__table__)) for model in (Execution, AuditEntry))


@dataclass(frozen=True)
class Begun:
    row: Mapping[str, Any]
    audit: Mapping[str, Any] | None = None


@dataclass(eq=False)
class _Entry:
    what: Begun | Ended
    woken: threading.Lock = field(default_factory=threading.Lock)
    is_done: bool = False
    is_told: bool = False  # not written: somebody subscribes to such ends
    error: Exception | None = field(default_factory=lambda: RuntimeError("the writer for all was ended while it wrote"))


class Ledger:
    """One a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Entry] = []
        self._is_writing = False

    def begin(self, run: Begun) -> None:
        """Committed when it returns."""
        self._write(_Entry(run))

    def end(self, run: Ended) -> bool:
        """Likewise, for runs that ended well. False, and nothing written, when it has to be concluded by itself."""
        return not self._write(_Entry(run)).is_told

    def _write(self, entry: _Entry) -> _Entry:
        entry.woken.acquire()
        with self._lock:
            self._waiting.append(entry)
            leads, self._is_writing = not self._is_writing, True
        if not leads:
            entry.woken.acquire()  # until it is written, or its turn to write for all has come
        if not entry.is_done:
            self._lead()
        if entry.error:
            raise entry.error
        return entry

    def _lead(self) -> None:
        with self._lock:
            entries, self._waiting = self._waiting, []
        try:
            _write_all(entries)
        finally:
            self._hand_on(entries)

    def _hand_on(self, entries: Sequence[_Entry]) -> None:
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_writing = following is not None
        for entry in entries:
            entry.is_done = True
            entry.woken.release()
        if following:
            following.woken.release()


def _write_all(entries: Sequence[_Entry]) -> None:
    """What is wrong with one must not undo the others; a database that is away is away for all."""
    try:
        _write_together(entries)
    except Exception as error:
        away = not isinstance(error, SQLAlchemyError) or isinstance(error, OperationalError | InterfaceError)
        if away or len(entries) == 1:
            for entry in entries:
                entry.error = error
        else:
            for entry in entries:
                _write_all([entry])
    else:
        for entry in entries:
            entry.error = None


def _write_together(entries: Sequence[_Entry]) -> None:
    begun = [entry.what for entry in entries if isinstance(entry.what, Begun)]
    audits = [run.audit for run in begun if run.audit]
    ended = [entry for entry in entries if isinstance(entry.what, Ended)]
    with system_transaction(db.engine) as connection:
        if begun:
            connection.execute(_BEGIN, [run.row for run in begun])
        if audits:
            connection.execute(_AUDIT, audits)
        if ended:
            listeners = batch.listeners_of(connection)
            for entry in ended:
                entry.is_told = cast(Ended, entry.what).call.tenant_id in listeners
            written = [cast(Ended, entry.what) for entry in ended if not entry.is_told]
            if written:
                batch.finish(connection, written)


def ledger() -> Ledger:
    return have(this_app(), "ledger", Ledger)
