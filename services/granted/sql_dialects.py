"""The two SQL dialects scripts may write, narrowed to what the guard understands.

Both are sqlglot's own, changed in one spirit: what goes in comes out unchanged. A function keeps the name its author wrote, so
the list of permitted names is the list of functions that can run, and nothing is translated between databases.
The lists say what is allowed; whatever they do not name is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp, parser
from sqlglot.dialects import Postgres, SQLite
from sqlglot.dialects.dialect import Dialect
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
        KEYWORDS = {word: kind for word, kind in Postgres.Tokenizer.KEYWORDS.items() if word != "?::"}
        SINGLE_TOKENS = {**Postgres.Tokenizer.SINGLE_TOKENS, "$": TokenType.PARAMETER}

    class Parser(Postgres.Parser):
        FUNCTIONS: dict[str, Callable[..., Any]] = {}
        FUNCTION_PARSERS = _special_syntax(
            Postgres.Parser, ("CAST", "EXTRACT", "SUBSTRING", "TRIM", "POSITION", "OVERLAY")
        )
        NO_PAREN_FUNCTION_PARSERS = {name: Postgres.Parser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("ANY", "CASE")}
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
            exp.Neg: lambda self, node: f"- {self.sql(node, 'this')}",  # `~-` would be one operator
            exp.BitwiseNot: lambda self, node: f"~ {self.sql(node, 'this')}",
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
KEYWORDS = frozenset({
    "ROWS", "RANGE", "GROUPS", "PRECEDING", "FOLLOWING", "UNBOUNDED", "CURRENT ROW", "NO OTHERS", "GROUP", "TIES",
    "FIRST", "NEXT", "OVER", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL", "LEADING", "TRAILING", "BOTH",
})  # fmt: skip
# Bare words, by the node they may stand in.
_UNITS = frozenset(
    """YEAR MONTH DAY HOUR MINUTE SECOND WEEK QUARTER DECADE CENTURY MILLENNIUM DOW ISODOW DOY ISOYEAR EPOCH
    MILLISECONDS MICROSECONDS MILLISECOND MICROSECOND TIMEZONE YEARS MONTHS DAYS HOURS MINUTES SECONDS WEEKS""".split()
)
WORDS: dict[type[Any], frozenset[str]] = {
    exp.Extract: _UNITS,
    exp.Interval: _UNITS,
    exp.OnConflict: frozenset({"DO NOTHING", "DO UPDATE"}),
    exp.Collate: frozenset({"NOCASE", "BINARY", "RTRIM"}),
    exp.Tuple: frozenset({"DEFAULT"}),
    exp.EQ: frozenset({"DEFAULT"}),
    exp.Limit: frozenset({"ALL"}),
}

_POSTGRES_TYPES = frozenset(
    """BOOLEAN SMALLINT INT BIGINT DECIMAL FLOAT DOUBLE TEXT VARCHAR CHAR BPCHAR DATE TIME TIMETZ TIMESTAMP TIMESTAMPTZ
    TIMESTAMPNTZ INTERVAL UUID JSON JSONB VARBINARY ARRAY INET""".split()
)
_SQLITE_TYPES = frozenset("""SMALLINT INT BIGINT DOUBLE FLOAT TEXT VARCHAR CHAR BLOB VARBINARY DECIMAL""".split())

_AGGREGATES = "count sum avg min max"
_WINDOW = "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value"
_POSTGRES_FUNCTIONS = frozenset(
    f"""{_AGGREGATES} {_WINDOW}
    bool_and bool_or every string_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg stddev stddev_pop
    stddev_samp variance var_pop var_samp corr covar_pop covar_samp regr_slope regr_intercept percentile_cont
    percentile_disc mode bit_and bit_or any_value grouping
    all some array row
    lower upper length char_length character_length octet_length btrim ltrim rtrim substr left right replace reverse
    split_part strpos starts_with concat concat_ws initcap translate ascii chr md5 sha256 encode decode to_hex
    regexp_replace regexp_match regexp_matches regexp_split_to_array regexp_split_to_table regexp_count regexp_like
    regexp_substr string_to_array array_to_string string_to_table to_char to_number to_date to_timestamp
    abs ceil ceiling floor round trunc mod power sqrt cbrt exp ln log log10 sign div gcd lcm random degrees radians sin cos
    tan asin acos atan atan2 pi width_bucket greatest least coalesce nullif num_nonnulls num_nulls
    now clock_timestamp statement_timestamp transaction_timestamp date date_trunc date_part date_bin age make_date
    make_time make_timestamp make_timestamptz make_interval justify_days justify_hours justify_interval isfinite
    to_json to_jsonb row_to_json array_to_json json_build_object jsonb_build_object json_build_array jsonb_build_array
    json_object jsonb_object jsonb_set jsonb_insert json_strip_nulls jsonb_strip_nulls json_typeof jsonb_typeof
    json_array_length jsonb_array_length json_extract_path json_extract_path_text jsonb_extract_path
    jsonb_extract_path_text jsonb_pretty jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
    jsonb_path_query_first
    array_length array_position array_positions array_append array_prepend array_cat array_remove array_replace
    array_ndims array_lower array_upper cardinality generate_subscripts trim_array gen_random_uuid""".split()
)
_POSTGRES_TABLE_FUNCTIONS = frozenset(
    """generate_series unnest json_each json_each_text jsonb_each jsonb_each_text json_object_keys jsonb_object_keys
    json_array_elements json_array_elements_text jsonb_array_elements jsonb_array_elements_text json_to_record
    jsonb_to_record json_to_recordset jsonb_to_recordset regexp_split_to_table string_to_table jsonb_path_query
    regexp_matches generate_subscripts""".split()
)
_SQLITE_FUNCTIONS = frozenset(
    f"""{_AGGREGATES} {_WINDOW}
    total group_concat json_group_array json_group_object
    abs char coalesce glob hex ifnull iif instr length like lower ltrim nullif printf quote random replace round rtrim sign
    substr substring trim typeof unicode upper date time datetime julianday strftime unixepoch
    json json_array json_array_length json_extract json_insert json_object json_patch json_remove json_replace json_set
    json_type json_valid json_quote
    acos asin atan atan2 ceil ceiling cos degrees exp floor ln log log10 log2 mod pi pow power radians sin sqrt tan
    trunc""".split()
)


@dataclass(frozen=True)
class Language:
    """One SQL dialect, and everything a script may say in it."""

    name: str
    dialect: Dialect
    shapes: Mapping[type[exp.Expr], set[str] | None]
    types: frozenset[str]
    functions: frozenset[str]
    table_functions: frozenset[str]
    hidden_columns: frozenset[str]
    folds_case: Callable[[exp.Identifier], str]
    with_sees_itself: bool  # SQLite looks up a CTE name among all its siblings, PostgreSQL only after WITH RECURSIVE
    # Functions that compare every place of one text with all of another, which nothing interrupts: how long that one may be.
    longest_needles: Mapping[str, int]

    @property
    def is_sqlite(self) -> bool:
        return self.name == "SQLite"


def _ascii_lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


POSTGRES = Language(
    name="PostgreSQL",
    dialect=BusinessPostgres(),
    shapes=_POSTGRES_SHAPES,
    types=_POSTGRES_TYPES,
    functions=_POSTGRES_FUNCTIONS | _POSTGRES_TABLE_FUNCTIONS,
    table_functions=_POSTGRES_TABLE_FUNCTIONS,
    hidden_columns=frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}),
    folds_case=lambda name: name.this if name.quoted else _ascii_lower(name.this),
    with_sees_itself=False,
    longest_needles={},  # the server has processes of its own; see docs/business-database.md
)
SQLITE = Language(
    name="SQLite",
    dialect=BusinessSQLite(),
    shapes=_SQLITE_SHAPES,
    types=_SQLITE_TYPES,
    functions=_SQLITE_FUNCTIONS,
    table_functions=frozenset({"json_each", "json_tree"}),
    hidden_columns=frozenset({"rowid", "_rowid_", "oid"}),
    folds_case=lambda name: name.this,
    with_sees_itself=True,
    longest_needles={"instr": 1000, "replace": 1000, "json_patch": 1000, "trim": 100, "ltrim": 100, "rtrim": 100},
)
