"""sdk.db: the statement and parameters a script gave, handed to the granted database.

The prelude builds queryOne and transaction on the names bound here. What may be asked, of whose rows and for how long is
the granted database's business, not this file's.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.errors import HostError

Parameters = list[Any] | dict[str, Any] | None


class GrantedDb(Protocol):
    def query(self, statement: str, params: Parameters) -> list[dict[str, Any]]: ...
    def execute(self, statement: str, params: Parameters) -> dict[str, Any]: ...
    def begin(self) -> str: ...
    def tx_query(self, tx_id: str, statement: str, params: Parameters) -> list[dict[str, Any]]: ...
    def tx_execute(self, tx_id: str, statement: str, params: Parameters) -> dict[str, Any]: ...
    def commit(self, tx_id: str) -> None: ...
    def rollback(self, tx_id: str) -> None: ...


class Grants(Protocol):
    @property
    def db(self) -> GrantedDb: ...


class DbApi:
    name = "db"

    def bind(self, grants: Grants) -> Mapping[str, Callable[..., Any]]:
        def query(sql: object = None, params: object = None, *_: object) -> list[dict[str, Any]]:
            return grants.db.query(_statement(sql), _parameters(params))

        def execute(sql: object = None, params: object = None, *_: object) -> dict[str, Any]:
            return grants.db.execute(_statement(sql), _parameters(params))

        def begin(*_: object) -> str:
            return grants.db.begin()

        def tx_query(tx: object = None, sql: object = None, params: object = None, *_: object) -> list[dict[str, Any]]:
            return grants.db.tx_query(_transaction(tx), _statement(sql), _parameters(params))

        def tx_execute(tx: object = None, sql: object = None, params: object = None, *_: object) -> dict[str, Any]:
            return grants.db.tx_execute(_transaction(tx), _statement(sql), _parameters(params))

        def commit(tx: object = None, *_: object) -> None:
            grants.db.commit(_transaction(tx))

        def rollback(tx: object = None, *_: object) -> None:
            grants.db.rollback(_transaction(tx))

        return {
            "query": query,
            "execute": execute,
            "begin": begin,
            "txQuery": tx_query,
            "txExecute": tx_execute,
            "commit": commit,
            "rollback": rollback,
        }


def _statement(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise HostError("INVALID_INPUT", "sdk.db: the first argument is the SQL statement, as text")
    return value


def _parameters(value: object) -> Parameters:
    if value is None or isinstance(value, (list, dict)):
        return value
    raise HostError("INVALID_INPUT", "sdk.db: parameters are an array (for ? and $1) or an object (for :name)")


def _transaction(value: object) -> str:
    if not isinstance(value, str):
        raise HostError("INVALID_INPUT", "sdk.db: no such transaction")
    return value
