"""The work of several services in one transaction, although each of them commits its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

_STATE = "together"
_KEPT, _UNDONE = "kept", "undone"


class OurSession(Session):
    def commit(self) -> None:
        if _STATE not in self.info:
            super().commit()
        elif self.info[_STATE] == _UNDONE:
            raise RuntimeError("part of what is committed together was rolled back")
        else:
            self.flush()

    def rollback(self) -> None:
        if _STATE in self.info:
            self.info[_STATE] = _UNDONE
        super().rollback()


@contextmanager
def together(session: "scoped_session[Session]") -> Iterator[None]:
    """What is committed inside is committed at the end, all of it or, when something is raised, nothing."""
    session.info[_STATE] = _KEPT
    try:
        yield
        session.commit()  # raises if anything was rolled back and nobody minded
    except BaseException:
        session.rollback()
        raise
    finally:
        del session.info[_STATE]
    session.commit()
