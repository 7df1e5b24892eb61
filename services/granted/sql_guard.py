"""Which SQL a script may run, and what really runs: the author's statement, limited to one tenant.

Pure: a statement and a catalog go in, a checked statement comes out, or DB_FORBIDDEN saying what is not allowed. What is executed
is generated from the checked tree, never the author's own text. Three things make it hold:

* everything is allow-listed: kinds of syntax, their options, functions, types (`sql_dialects`);
* every identifier is written quoted, so no name can turn into a keyword, a function or a system value;
* every table reference becomes a subquery on the schema-qualified table with the tenant's condition, and every CTE gets a name no
  table has. A mistake about which of the two a name meant can only end in "no such table".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.tokens import Token, TokenType

from runtime.errors import HostError, clipped
from services.granted.business_catalog import Catalog
from services.granted.sql_dialects import KEYWORDS, WORDS, Language
from services.granted.sql_tenant import Slot, TenantLimiter

MAX_TEXT = 20_000
MAX_TOKENS = 4_000
MAX_DEPTH = 40
MAX_NAME_BYTES = 63

_STATEMENTS = {
    TokenType.SELECT,
    TokenType.WITH,
    TokenType.INSERT,
    TokenType.UPDATE,
    TokenType.DELETE,
    TokenType.L_PAREN,
}
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}
_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?", re.ASCII)
# C0 controls other than tab and line ends, and half of a surrogate pair: no database takes them the way it shows them.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CHANGES = (exp.Insert, exp.Update, exp.Delete)
_READABLE: dict[type[Any], str] = {
    exp.Lock: "row locks (FOR UPDATE, FOR SHARE)",
    exp.Into: "SELECT INTO",
    exp.TableSample: "TABLESAMPLE",
    exp.Operator: "OPERATOR()",
    exp.Dot: "a schema-qualified function, or a field of a composite value",
    exp.Command: "this statement",
    exp.RawString: "this kind of string",
    exp.ByteString: "a string with escapes (E'…')",
    exp.UnicodeString: "a string with escapes (U&'…')",
    exp.Kwarg: "a named function argument",
}


def forbidden(message: str) -> HostError:
    return HostError("DB_FORBIDDEN", message, retryable=False)


@dataclass(frozen=True)
class Guarded:
    """A statement that may run. `slots` says what each of its numbered parameters is filled with."""

    sql: str
    kind: str  # select, insert, update or delete
    slots: tuple[Slot, ...]
    returns_rows: bool
    target: str | None  # the table a change goes to
    own_tenant: tuple[Slot, ...]  # parameters the author gave for the tenant column: they must be the tenant

    @property
    def is_change(self) -> bool:
        return self.kind != "select"


class SqlGuard:
    def __init__(self, language: Language, catalog: Catalog, read_schema: str | None = None, prefix: str = "") -> None:
        """`read_schema` and `prefix` name the views to read through, where those stand in for the tables."""
        self._language = language
        self._catalog = catalog
        self._read_schema = read_schema or catalog.schema
        self._prefix = prefix

    def check(self, sql: str) -> Guarded:
        try:
            return self._check(sql)
        except RecursionError:
            raise forbidden("The statement is nested too deeply") from None
        except SqlglotError as error:
            raise HostError("DB_FAILED", _syntax_message(error), retryable=False) from None

    def _check(self, sql: str) -> Guarded:
        tree = self._parse(sql)
        self._allow(tree)
        kind = _kind(tree)
        limiter = TenantLimiter(self._language, self._catalog, self._read_schema, self._prefix)
        if self._language.is_sqlite:
            _name_columns(tree, self._language)
        self._quote(tree)
        target = limiter.limit(tree)
        return Guarded(
            sql=self._write(tree),
            kind=kind,
            slots=tuple(limiter.slots),
            returns_rows=kind == "select" or bool(tree.args.get("returning")),
            target=target,
            own_tenant=tuple(limiter.own_tenant),
        )

    def _parse(self, sql: str) -> exp.Expr:
        if len(sql) > MAX_TEXT:
            raise forbidden(f"The statement is longer than {MAX_TEXT:,} characters; pass values as parameters")
        if _UNWRITABLE.search(sql):
            raise forbidden("The statement contains a control character; pass such values as parameters")
        tokens = self._language.dialect.tokenize(sql)
        _measure(tokens)
        trees = self._language.dialect.parser(error_level=ErrorLevel.IMMEDIATE).parse(tokens, sql)
        statements = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
        if len(statements) != 1:
            raise forbidden("Write one statement at a time" if statements else "The statement is empty")
        return statements[0]

    def _allow(self, tree: exp.Expr) -> None:
        for node in tree.walk():
            self._allow_shape(node)
            if isinstance(node, _CHANGES) and node is not tree:
                raise forbidden(f"{node.key.upper()} must be a statement of its own")
            if check := _CHECKS.get(type(node)):
                check(self, node)
        if not isinstance(tree, (*_CHANGES, exp.Select, exp.SetOperation, exp.Subquery)):
            raise forbidden("Only SELECT, INSERT, UPDATE and DELETE are allowed")

    def _allow_shape(self, node: exp.Expr) -> None:
        kind = type(node)
        if kind not in self._language.shapes:
            raise forbidden(f"Not allowed in a script's SQL: {_READABLE.get(kind, node.key.upper())}")
        allowed = self._language.shapes[kind]
        for name, value in node.args.items():
            if not value:
                continue
            if allowed is not None and name not in allowed:
                part = value if isinstance(value, exp.Expr) else None
                what = _READABLE.get(type(part), f"{name.strip('_').upper()} in {node.key.upper()}")
                raise forbidden(f"Not allowed in a script's SQL: {what}")
            if isinstance(value, str) and kind not in _TEXT_NODES and value.upper() not in KEYWORDS:
                raise forbidden(f"Not allowed in a script's SQL: {clipped(value, 40)}")

    def _allow_function(self, node: exp.Anonymous) -> None:
        in_from = isinstance(node.parent, (exp.Table, exp.Lateral))
        allowed = self._language.table_functions if in_from else self._language.functions
        name = node.this.lower() if isinstance(node.this, str) else ""
        if name not in allowed:
            where = " in FROM" if in_from else ""
            raise forbidden(f"The function {clipped(node.name, 60)}() is not available to scripts{where}")
        node.set("this", name)

    def _allow_type(self, node: exp.DataType) -> None:
        kind = node.this
        if isinstance(kind, exp.Interval):
            return
        if not isinstance(kind, exp.DType) or kind.name not in self._language.types:
            raise forbidden(
                f"The type {clipped(node.sql(dialect=self._language.dialect), 60)} is not available to scripts"
            )

    def _allow_literal(self, node: exp.Literal) -> None:
        if not node.is_string and not _NUMBER.fullmatch(node.this):
            raise forbidden(f"Not a number: {clipped(node.this, 40)}")

    def _allow_word(self, node: exp.Var) -> None:
        if node.this.upper() not in WORDS.get(type(node.parent), ()):
            raise forbidden(f"Not allowed here: {clipped(node.this, 60)}")

    def _allow_name(self, node: exp.Identifier) -> None:
        if not node.this or len(node.this.encode()) > MAX_NAME_BYTES:
            raise forbidden(f"A name is 1 to {MAX_NAME_BYTES} bytes long: {clipped(node.this, 40)}")

    def _allow_column(self, node: exp.Column) -> None:
        if isinstance(node.this, exp.Star):
            return
        name = node.name.lower()
        if name in self._language.hidden_columns and not self._catalog.has_column(name):
            raise forbidden(f"The column {name} is not available to scripts")

    def _allow_alias(self, node: exp.TableAlias) -> None:
        if self._language.is_sqlite and node.columns and not isinstance(node.parent, exp.CTE):
            raise forbidden("SQLite has no column names in a table's alias; name the columns inside")

    def _allow_table(self, node: exp.Table) -> None:
        if not isinstance(node.this, (exp.Identifier, exp.Anonymous)):
            raise forbidden("FROM takes a table, a subquery or a permitted function")
        if node.args.get("db") and not isinstance(node.this, exp.Identifier):
            raise forbidden("A function is written without a schema")

    def _allow_parameter(self, node: exp.Parameter) -> None:
        number = node.this
        if not (isinstance(number, exp.Literal) and number.name.isdigit() and 0 < int(number.name) <= 1000):
            raise forbidden("Write parameters as ?, $1 or :name")

    def _allow_placeholder(self, node: exp.Placeholder) -> None:
        if not (isinstance(node.this, str) and (node.this.startswith("?") or _NAME.fullmatch(node.this.lower()))):
            raise forbidden("Write parameters as ?, $1 or :name")

    def _quote(self, tree: exp.Expr) -> None:
        for name in tree.find_all(exp.Identifier):
            name.set("this", self._language.folds_case(name))
            name.set("quoted", True)

    def _write(self, tree: exp.Expr) -> str:
        try:
            return self._language.dialect.generate(
                tree, copy=False, comments=False, normalize_functions=False, unsupported_level=ErrorLevel.IMMEDIATE
            )
        except SqlglotError as error:
            raise forbidden(f"{self._language.name} cannot do this: {error}") from None


_TEXT_NODES = (exp.Identifier, exp.Literal, exp.Anonymous, exp.Var, exp.Placeholder)
_CHECKS: dict[type[Any], Callable[[SqlGuard, Any], None]] = {
    exp.Anonymous: SqlGuard._allow_function,
    exp.DataType: SqlGuard._allow_type,
    exp.Literal: SqlGuard._allow_literal,
    exp.Var: SqlGuard._allow_word,
    exp.Identifier: SqlGuard._allow_name,
    exp.Column: SqlGuard._allow_column,
    exp.TableAlias: SqlGuard._allow_alias,
    exp.Table: SqlGuard._allow_table,
    exp.Parameter: SqlGuard._allow_parameter,
    exp.Placeholder: SqlGuard._allow_placeholder,
}


def _kind(tree: exp.Expr) -> str:
    return tree.key if isinstance(tree, _CHANGES) else "select"


def _measure(tokens: list[Token]) -> None:
    """The parser is recursive and written in Python: what would exhaust it is refused before it sees it."""
    if not tokens or tokens[0].token_type not in _STATEMENTS:
        first = clipped(tokens[0].text, 30).upper() if tokens else "nothing"
        raise forbidden(f"Only SELECT, INSERT, UPDATE and DELETE are allowed, not {first}")
    if len(tokens) > MAX_TOKENS:
        raise forbidden(f"The statement has more than {MAX_TOKENS:,} words and signs; pass values as parameters")
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth > MAX_DEPTH:
            raise forbidden(f"The statement is nested more than {MAX_DEPTH} levels deep")


def _syntax_message(error: SqlglotError) -> str:
    for problem in getattr(error, "errors", None) or []:
        place = f"line {problem['line']}, column {problem['col']}" if problem.get("line") else "the end"
        near = clipped(problem.get("highlight") or "", 40)
        return f"SQL syntax error at {place}" + (f", near {near!r}" if near else "")
    return "SQL syntax error: a quote or comment is not closed" if isinstance(error, TokenError) else "SQL syntax error"


def _name_columns(tree: exp.Expr, language: Language) -> None:
    """SQLite names a result column after its text, and the text is about to change: keep the author's."""
    for holder in _result_lists(tree):
        holder.set("expressions", [_named(item, language) for item in holder.expressions])


def _result_lists(tree: exp.Expr) -> Iterator[exp.Expr]:
    if returning := tree.args.get("returning"):
        yield returning
    while isinstance(tree, (exp.SetOperation, exp.Subquery)):
        tree = tree.this
    if isinstance(tree, exp.Select):
        yield tree


def _named(item: exp.Expr, language: Language) -> exp.Expr:
    if isinstance(item, (exp.Alias, exp.Star)) or item.is_star:
        return item
    text = item.name if isinstance(item, exp.Column) else item.sql(language.dialect, normalize_functions=False)
    return exp.Alias(this=item.copy(), alias=exp.Identifier(this=text, quoted=True))
