"""SQL is written as it runs: no text is ever put into a statement."""

import ast
import re

from tests.tidy.sources import modules

STATEMENT = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|SET|FROM|WHERE|VALUES|RETURNING)\s")


def is_sql(node: ast.AST) -> bool:
    """Whether a part of the code is text with SQL in it."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(STATEMENT.search(node.value))


def is_put_together(node: ast.AST) -> bool:
    """Whether text with SQL in it is made of parts: f-string, +, %, format, join."""
    match node:
        case ast.JoinedStr(values=values):
            return any(map(is_sql, values))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return is_sql(left) or is_sql(right)
        case ast.Call(func=ast.Attribute(value=value, attr="format" | "join" | "replace")):
            return is_sql(value)
    return False


def test_statements_are_not_put_together() -> None:
    found = [
        f"{module.path}:{getattr(node, 'lineno', 0)}"
        for module in modules("shared", "services")
        for node in module.nodes()
        if is_put_together(node)
    ]
    assert found == []


def test_what_is_put_together_would_be_noticed() -> None:
    bad = ['f"SELECT {x} FROM t"', '"UPDATE t " + x', '"DELETE FROM %s WHERE true" % x', '"INSERT INTO {} x".format(x)']
    good = ['"SELECT 1 FROM t"', 'f"gone from {x}"', '"a" + "b"', '"{}".format(x)']
    parsed = [any(map(is_put_together, ast.walk(ast.parse(code)))) for code in bad + good]
    assert parsed == [True] * len(bad) + [False] * len(good)
