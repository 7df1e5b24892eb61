"""Whether the database itself is in trouble, rather than wrong in what it was asked: waiting helps then, and nobody's code is to blame."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_READ_ONLY = "25006"


def is_databases_own(error: BaseException) -> bool:
    """It is away, full, or takes no writing; or all of our connections to it are in use."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _READ_ONLY


def takes_no_writing(connection: Connection) -> bool:
    """A replica, or one that was told so."""
    return connection.dialect.name == "postgresql" and connection.scalar(text("SHOW transaction_read_only")) == "on"
