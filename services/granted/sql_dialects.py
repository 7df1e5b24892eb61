"""The two SQL dialects scripts may write, narrowed to what the guard understands.

Both are sqlglot's own, changed in one spirit: what goes in comes out unchanged. A function keeps the name its author wrote, so
the list of permitted names is the list of functions that can run, and nothing is translated between databases.
The lists say what is allowed; whatever they do not name is refused.
"""

from collections.abc import Callable
from typing import Any

from sqlglot import exp, parser
from sqlglot.dialects import Postgres, SQLite
from sqlglot.tokens import TokenType

ANY_ARGUMENT = None


def _numbered_placeholder(self: parser.Parser) -> exp.Expr:
    """A `?` remembers where it stands: the tree does not keep the order of the text."""
    return exp.Placeholder(this=f"?{self._prev.start}")


def _special_syntax(cls: type[parser.Parser], names: tuple[str, ...]) -> dict[str, Callable[..., Any]]:
    return {name: cls.FUNCTION_PARSERS[name] for name in names}


def _as_written(operator: str) -> Callable[..., str]:
    return lambda self, node: self.binary(node, operator)


class BusinessPostgres(Postgres):
    class Tokenizer(Postgres.Tokenizer):
        HEREDOC_STRINGS: list[str] = []
        SINGLE_TOKENS = {**Postgres.Tokenizer.SINGLE_TOKENS, "$": TokenType.PARAMETER}

    class Parser(Postgres.Parser):
        FUNCTIONS: dict[str, Callable[..., Any]] = {}
        FUNCTION_PARSERS = _special_syntax(
            Postgres.Parser, ("CAST", "EXTRACT", "SUBSTRING", "TRIM", "POSITION", "OVERLAY")
        )
        NO_PAREN_FUNCTION_PARSERS = {
            name: Postgres.Parser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("ANY", "CASE")
        }
        PLACEHOLDER_PARSERS = {
            **{k: v for k, v in Postgres.Parser.PLACEHOLDER_PARSERS.items() if k != TokenType.MOD},
            TokenType.PLACEHOLDER: _numbered_placeholder,
        }
        JSON_OPERATORS = {
            **Postgres.Parser.JSON_OPERATORS,
            TokenType.ARROW: lambda self, this, path: exp.JSONExtract(this=this, expression=path),
            TokenType.DARROW: lambda self, this, path: exp.JSONExtractScalar(this=this, expression=path),
        }

    class Generator(Postgres.Generator):
        TRANSFORMS = {
            **Postgres.Generator.TRANSFORMS,
            exp.JSONExtract: _as_written("->"),
            exp.JSONExtractScalar: _as_written("->>"),
            exp.Pow: _as_written("^"),
        }


class BusinessSQLite(SQLite):
    class Tokenizer(SQLite.Tokenizer):
        # The first pair is the one written. SQLite reads an unknown "name" as a string; an unknown `name` is an error.
        IDENTIFIERS = ["`", '"', ("[", "]")]
        SINGLE_TOKENS = {**SQLite.Tokenizer.SINGLE_TOKENS, "$": TokenType.PARAMETER}

    class Parser(SQLite.Parser):
        FUNCTIONS: dict[str, Callable[..., Any]] = {}
        FUNCTION_PARSERS = _special_syntax(SQLite.Parser, ("CAST",))
        NO_PAREN_FUNCTION_PARSERS = {"CASE": SQLite.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]}
        PLACEHOLDER_PARSERS = {**SQLite.Parser.PLACEHOLDER_PARSERS, TokenType.PLACEHOLDER: _numbered_placeholder}
        CONCAT_OPERATORS = {
            **SQLite.Parser.CONCAT_OPERATORS,
            TokenType.ARROW: lambda self, this, path: exp.JSONExtract(this=this, expression=path),
            TokenType.DARROW: lambda self, this, path: exp.JSONExtractScalar(this=this, expression=path),
        }

    class Generator(SQLite.Generator):
        TYPE_MAPPING = {**SQLite.Generator.TYPE_MAPPING, exp.DType.DECIMAL: "NUMERIC"}
        TRANSFORMS = {
            **SQLite.Generator.TRANSFORMS,
            exp.JSONExtract: _as_written("->"),
            exp.JSONExtractScalar: _as_written("->>"),
        }


_OPERATORS = (
    exp.And, exp.Or, exp.Not, exp.Neg, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Add, exp.Sub,
    exp.Mul, exp.Div, exp.Mod, exp.DPipe, exp.Like, exp.Escape, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.BitwiseAnd,
    exp.BitwiseOr, exp.BitwiseNot, exp.BitwiseLeftShift, exp.BitwiseRightShift, exp.Between, exp.Case, exp.If,
    exp.Tuple, exp.Exists, exp.Null, exp.Boolean, exp.JSONExtract, exp.JSONExtractScalar, exp.Filter,
    exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp,
)  # fmt: skip
_POSTGRES_OPERATORS = (
    exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.BitwiseXor, exp.Pow, exp.JSONBExtract,
    exp.JSONBExtractScalar, exp.JSONBContainsTopKey, exp.JSONBContainsAnyTopKeys, exp.JSONBContainsAllTopKeys,
    exp.ArrayContainsAll, exp.ArrayContainedBy, exp.ArrayOverlaps, exp.Array, exp.Slice, exp.Any, exp.All,
    exp.AtTimeZone, exp.Interval, exp.Extract, exp.Substring, exp.Trim, exp.StrPosition, exp.Overlay,
    exp.Localtime, exp.Localtimestamp, exp.GroupingSets, exp.Rollup, exp.Cube, exp.WithinGroup,
)  # fmt: skip

_QUERY = {"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "windows", "order", "limit"}
_COMPOUND = {"with_", "this", "expression", "distinct", "order", "limit", "offset"}
_SHAPES: dict[type[exp.Expr], set[str] | None] = {
    **dict.fromkeys(_OPERATORS, ANY_ARGUMENT),
    exp.Select: _QUERY | {"offset"},
    exp.Union: _COMPOUND,
    exp.Intersect: _COMPOUND,
    exp.Except: _COMPOUND,
    exp.Subquery: {"this", "alias", "with_", "joins", "order", "limit", "offset"},
    exp.With: {"expressions", "recursive"},
    exp.CTE: {"this", "alias", "materialized"},
    exp.Table: {"this", "db", "alias", "joins", "ordinality"},
    exp.TableAlias: {"this", "columns"},
    exp.From: {"this"},
    exp.Join: {"this", "on", "side", "kind", "using", "method"},
    exp.Lateral: {"this", "alias", "ordinality"},
    exp.Values: {"expressions", "alias"},
    exp.Where: {"this"},
    exp.Group: {"expressions", "grouping_sets", "cube", "rollup"},
    exp.Having: {"this"},
    exp.Order: {"this", "expressions"},
    exp.Ordered: {"this", "desc", "nulls_first"},
    exp.Limit: {"expression"},
    exp.Offset: {"expression"},
    exp.Distinct: {"expressions"},
    exp.Window: {"this", "partition_by", "order", "spec", "alias", "over"},
    exp.WindowSpec: {"kind", "start", "start_side", "end", "end_side", "exclude"},
    exp.Insert: {"with_", "this", "expression", "conflict", "returning"},
    exp.Update: {"with_", "this", "expressions", "from_", "where", "returning"},
    exp.Delete: {"with_", "this", "using", "where", "returning"},
    exp.Returning: {"expressions"},
    exp.OnConflict: {"expressions", "action", "conflict_keys", "index_predicate", "where"},
    exp.Schema: {"this", "expressions"},
    exp.Column: {"this", "table", "db"},
    exp.Identifier: {"this", "quoted"},
    exp.Literal: {"this", "is_string"},
    exp.Alias: {"this", "alias"},
    exp.Star: set(),
    exp.Anonymous: {"this", "expressions"},
    exp.Cast: {"this", "to"},
    exp.DataType: {"this", "expressions", "nested"},
    exp.DataTypeParam: {"this"},
    exp.In: {"this", "expressions", "query"},
    exp.Collate: {"this", "expression"},
    exp.Placeholder: {"this"},
    exp.Parameter: {"this"},
    exp.Var: {"this"},
}
_POSTGRES_SHAPES: dict[type[exp.Expr], set[str] | None] = {
    **_SHAPES,
    **dict.fromkeys(_POSTGRES_OPERATORS, ANY_ARGUMENT),
    exp.OnConflict: {"expressions", "action", "conflict_keys", "index_predicate", "where", "constraint"},
    exp.Distinct: {"expressions", "on"},
    exp.Fetch: {"direction", "count", "limit_options"},
    exp.LimitOptions: {"rows", "with_ties"},
    exp.Bracket: {"this", "expressions", "offset"},
    exp.ColumnDef: {"this", "kind"},
}
_SQLITE_SHAPES: dict[type[exp.Expr], set[str] | None] = {
    **_SHAPES,
    exp.Glob: ANY_ARGUMENT,
}

# Keywords sqlglot keeps as plain text inside a node, whatever the node.
KEYWORDS = frozenset(
    "ROWS RANGE GROUPS PRECEDING FOLLOWING UNBOUNDED|CURRENT ROW|NO OTHERS|GROUP|TIES|FIRST|NEXT|INNER|LEFT|RIGHT|FULL|"
    "OUTER|CROSS|NATURAL|LEADING|TRAILING|BOTH".replace(" PRE", "|PRE").replace("S RANGE", "S|RANGE")
    .replace("E GROUPS", "E|GROUPS").replace("G FOLL", "G|FOLL").replace("G UNB", "G|UNB").split("|")
)  # fmt: skip
