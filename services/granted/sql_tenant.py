"""Limits a checked statement to one tenant: every table it reads, the rows it changes, the rows it adds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from runtime.errors import HostError
from services.granted.business_catalog import Catalog, Table
from services.granted.sql_dialects import Language


class Tenant:
    """Stands for the tenant's value among the parameters."""


TENANT = Tenant()
# A parameter of the author (its position from 1, or its name), or the tenant.
Slot = int | str | Tenant
_CTE_PREFIX = "dastgoh cte"


def in_the_authors_names(message: str, prefix: str = "") -> str:
    """A message of the database, without the names given here to CTEs and views."""
    return re.sub(rf"{_CTE_PREFIX} \d+ " + (f"|{prefix}" if prefix else ""), "", message)


def _refused(message: str) -> HostError:
    return HostError("DB_FORBIDDEN", message, retryable=False)


def _quoted(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=True)


@dataclass
class TenantLimiter:
    language: Language
    catalog: Catalog
    read_schema: str
    prefix: str
    slots: list[Slot] = field(default_factory=list)
    own_tenant: list[Slot] = field(default_factory=list)
    _ctes: int = 0

    def limit(self, tree: exp.Expr) -> str | None:
        """Rewrites the tree in place; gives the table a change goes to."""
        self._number_parameters(tree)
        self._forget_schemas(tree)
        self._bound_needles(tree)
        if not isinstance(tree, (exp.Insert, exp.Update, exp.Delete)):
            self._walk(exp.Paren(this=tree), {})
            return None
        target = self._target(tree)
        visible = self._with(tree.args.get("with_"), {})
        holder = target.parent
        for child in list(tree.iter_expressions()):
            if child is not target and child is not holder and not isinstance(child, exp.With):
                self._visit(child, visible)
        table = self._find(target)
        target.set("this", _quoted(table.name))
        target.set("db", _quoted(self.catalog.schema))
        if isinstance(tree, exp.Insert):
            self._limit_insert(tree, target, table)
        else:
            self._limit_change(tree, target)
        return table.name

    # Parameters

    def _number_parameters(self, tree: exp.Expr) -> None:
        marks = list(tree.find_all(exp.Placeholder, exp.Parameter))
        places = sorted({_offset(mark) for mark in marks if _offset(mark) >= 0})
        styles = {"$1" if isinstance(m, exp.Parameter) else "?" if _offset(m) >= 0 else ":name" for m in marks}
        if len(styles) > 1:
            raise HostError("INVALID_INPUT", f"Write parameters in one way, not in {' and '.join(sorted(styles))}")
        for mark in marks:
            if isinstance(mark, exp.Parameter):
                slot: Slot = int(mark.this.name)
            else:
                slot = places.index(_offset(mark)) + 1 if _offset(mark) >= 0 else mark.name
            mark.replace(self._parameter(slot))

    def _parameter(self, slot: Slot) -> exp.Expr:
        """The same parameter of the author is one parameter of the database; the tenant is a new one each time, because the
        database works out one type for each."""
        if slot is TENANT or slot not in self.slots:
            self.slots.append(slot)
            number = len(self.slots)
        else:
            number = self.slots.index(slot) + 1
        if self.language.is_sqlite:
            return exp.Placeholder(this=f"p{number}")
        return exp.Parameter(this=exp.Literal.number(number))

    # Names

    def _forget_schemas(self, tree: exp.Expr) -> None:
        """`schema.table.column` would miss the subquery that takes the table's place."""
        for column in tree.find_all(exp.Column):
            if schema := column.args.get("db"):
                if schema.name != self.catalog.schema:
                    raise _refused(f"The schema {schema.name} is not available to scripts")
                column.set("db", None)

    def _key(self, name: str) -> str:
        return name.lower() if self.language.is_sqlite else name

    def _find(self, node: exp.Table) -> Table:
        schema = node.args.get("db")
        table = None
        if not schema or self._key(schema.name) == self.catalog.schema:
            table = self.catalog.find(self._key(node.name))
        if table is None:
            raise _refused(
                f"There is no table {node.name} that scripts can use. Available: {self.catalog.names}. A table needs "
                f"the column {self.catalog.tenant_column} to be one of them."
            )
        return table

    def _bound_needles(self, tree: exp.Expr) -> None:
        """A function of the connection hands the needle on where it is short enough."""
        for call in tree.find_all(exp.Anonymous):
            longest = self.language.longest_needles.get(call.name)
            if longest and len(call.expressions) > 1:
                needle = call.expressions[1]
                bounded = [needle.copy(), exp.Literal.number(longest)]
                needle.replace(exp.Anonymous(this=needle_name(self.prefix), expressions=bounded))

    # Reading

    def _visit(self, node: exp.Expr, visible: Mapping[str, str]) -> None:
        if isinstance(node, exp.Table):
            self._limit_table(node, visible)
        else:
            self._walk(node, visible)

    def _walk(self, node: exp.Expr, visible: Mapping[str, str]) -> None:
        visible = self._with(node.args.get("with_"), visible)
        for child in list(node.iter_expressions()):
            if not isinstance(child, exp.With):
                self._visit(child, visible)

    def _with(self, clause: exp.With | None, outer: Mapping[str, str]) -> Mapping[str, str]:
        """Renames the CTEs of a WITH, each seeing those the database lets it see."""
        if clause is None:
            return outer
        fresh = [(cte, self._key(cte.alias), self._fresh_name(cte.alias)) for cte in clause.expressions]
        if len({name for _, name, _ in fresh}) < len(fresh):
            raise _refused("Two parts of a WITH have the same name")
        visible = dict(outer)
        if clause.args.get("recursive") or self.language.with_sees_itself:
            visible.update((name, renamed) for _, name, renamed in fresh)
        for cte, name, renamed in fresh:
            self._visit(cte.this, visible)
            visible[name] = renamed
            cte.args["alias"].set("this", _quoted(renamed))
        return visible

    def _fresh_name(self, name: str) -> str:
        self._ctes += 1
        return f"{_CTE_PREFIX} {self._ctes} {name}"[:60]

    def _limit_table(self, node: exp.Table, visible: Mapping[str, str]) -> None:
        for child in list(node.iter_expressions()):
            if child is not node.this or not isinstance(child, exp.Identifier):
                self._visit(child, visible)
        if isinstance(node.this, exp.Anonymous):
            return
        alias = node.args.get("alias") or exp.TableAlias(this=_quoted(node.name))
        if not node.args.get("db") and (renamed := visible.get(self._key(node.name))):
            node.set("this", _quoted(renamed))
            node.set("alias", alias)
            return
        if not alias.this:
            alias.set("this", _quoted(node.name))
        rows = exp.Subquery(this=self._own_rows(self._find(node)), alias=alias, joins=node.args.get("joins"))
        node.replace(rows)

    def _own_rows(self, table: Table) -> exp.Select:
        source = exp.Table(this=_quoted(self.prefix + table.name), db=_quoted(self.read_schema))
        return exp.Select(
            expressions=[exp.Star()], from_=exp.From(this=source), where=exp.Where(this=self._is_own(None))
        )

    def _is_own(self, qualifier: str | None) -> exp.Expr:
        column = exp.Column(this=_quoted(self.catalog.tenant_column), table=_quoted(qualifier) if qualifier else None)
        return exp.EQ(this=column, expression=self._parameter(TENANT))

    # Changing

    def _target(self, tree: exp.Expr) -> exp.Table:
        target = tree.this
        if isinstance(tree, exp.Insert):
            if not isinstance(target, exp.Schema):
                raise _refused("Name the columns: INSERT INTO table (column, …)")
            target = target.this
        if not isinstance(target, exp.Table) or not isinstance(target.this, exp.Identifier):
            raise _refused("A change goes to one table")
        if target.args.get("joins") or (target.args.get("alias") and target.args["alias"].columns):
            raise _refused("A change goes to one table")
        return target

    def _limit_change(self, tree: exp.Expr, target: exp.Table) -> None:
        if isinstance(tree, exp.Update):
            self._check_assignments(tree.expressions)
        self._add_condition(tree, target.alias_or_name)

    def _add_condition(self, holder: exp.Expr, qualifier: str) -> None:
        """The tenant's condition first: the author's own is never worked out on another tenant's row."""
        condition = self._is_own(qualifier)
        if where := holder.args.get("where"):
            condition = exp.And(this=condition, expression=exp.Paren(this=where.this))
        holder.set("where", exp.Where(this=condition))

    def _check_assignments(self, assignments: list[exp.Expr]) -> None:
        for assignment in assignments:
            places = assignment.this if isinstance(assignment, exp.EQ) else None
            for place in places.expressions if isinstance(places, exp.Tuple) else [places]:
                if not isinstance(place, exp.Column) or place.args.get("table"):
                    raise _refused("SET takes column = value")
                if self._is_tenant_column(place.name):
                    raise _refused(f"The column {place.name} cannot be changed: a row stays with its tenant")
            value = assignment.expression
            if isinstance(value, exp.Column) and not value.args.get("table") and value.name.upper() == "DEFAULT":
                value.replace(exp.Var(this="DEFAULT"))

    def _is_tenant_column(self, name: str) -> bool:
        return name.lower() == self.catalog.tenant_column.lower()

    def _limit_insert(self, tree: exp.Insert, target: exp.Table, table: Table) -> None:
        columns = tree.this.expressions
        if not all(isinstance(column, exp.Identifier) for column in columns):
            raise _refused("Name the columns: INSERT INTO table (column, …)")
        named = [index for index, column in enumerate(columns) if self._is_tenant_column(column.name)]
        source = tree.args.get("expression")
        if named:
            self._expect_own_tenant(source, named)
        else:
            self._append_tenant(source, table)
            tree.this.append("expressions", _quoted(self.catalog.tenant_column))
        if conflict := tree.args.get("conflict"):
            self._limit_conflict(conflict, target)

    def _expect_own_tenant(self, source: exp.Expr | None, named: list[int]) -> None:
        """An author may name the tenant column when the value is a parameter: it is compared with the tenant at each run."""
        rows = source.expressions if isinstance(source, exp.Values) else []
        slots = [self._slot_at(row, named[0]) for row in rows]
        if len(named) > 1 or not slots or None in slots:
            column = self.catalog.tenant_column
            raise _refused(
                f"Leave out {column}: it is filled in. (A parameter that is your own tenant's id is accepted.)"
            )
        self.own_tenant.extend(slot for slot in slots if slot is not None)

    def _slot_at(self, row: exp.Expr, index: int) -> Slot | None:
        value = row.expressions[index] if index < len(row.expressions) else None
        if not isinstance(value, (exp.Placeholder, exp.Parameter)):
            return None
        return self.slots[int(value.name.removeprefix("p")) - 1]

    def _append_tenant(self, source: exp.Expr | None, table: Table) -> None:
        """The tenant comes last in columns and rows alike; a database refuses rows of another length."""
        if isinstance(source, exp.Values):
            for row in source.expressions:
                row.append("expressions", self._typed_tenant(table))
        elif isinstance(source, exp.Select):
            source.append("expressions", self._typed_tenant(table))
        elif isinstance(source, exp.SetOperation):
            self._append_tenant(source.this, table)
            self._append_tenant(source.expression, table)
        elif isinstance(source, exp.Subquery):
            self._append_tenant(source.this, table)
        else:
            raise _refused("INSERT takes VALUES or a SELECT")

    def _typed_tenant(self, table: Table) -> exp.Expr:
        parameter = self._parameter(TENANT)
        if self.language.is_sqlite:
            return parameter
        return exp.Cast(this=parameter, to=exp.DataType.build(table.tenant_type, dialect="postgres", udt=True))

    def _limit_conflict(self, conflict: exp.OnConflict, target: exp.Table) -> None:
        if conflict.expressions:
            self._check_assignments(conflict.expressions)
            self._add_condition(conflict, target.alias_or_name)


def needle_name(prefix: str) -> str:
    return f"{prefix}needle"


def _offset(mark: exp.Expr) -> int:
    """Where a `?` stands in the author's text; -1 for another kind of parameter."""
    text = mark.this
    return int(text[1:]) if isinstance(text, str) and text.startswith("?") else -1
