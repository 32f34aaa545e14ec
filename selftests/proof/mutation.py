"""Small changes of source code, each of which some self-test must notice.

Why not a tool: cosmic-ray (8.7) changes the one working copy, knows one test command, and neither operands, return values
nor tables; mutmut (3.8) leaves out decorated functions and all that stands in modules: facts and tables, where half of this
suite's decisions lie. Neither samples by a seed. What is changed here is text between two places of the source, so that the
rest of a file stays as it is.

Left out, because they change no verdict: texts for people (messages, f-strings, what is raised with an exception, how much of
a text is shown), docstrings, annotations and what decorators are given.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
}
FUNCTIONS: Final = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "list"}
METHODS: Final = {
    "startswith": "endswith",
    "endswith": "startswith",
    "partition": "rpartition",
    "rpartition": "partition",
    "split": "rsplit",
    "rsplit": "split",
    "fullmatch": "match",
    "match": "search",
    "search": "match",
    "issubset": "issuperset",
    "issuperset": "issubset",
    "setdefault": "get",
}
NORMALIZING: Final = frozenset({"lower", "casefold", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix"})
EXCEPTIONS: Final = {"Unreadable": "Undetermined", "Undetermined": "Unreadable", "NotApplicable": "Undetermined"}
SHOWN: Final = 200
"""Characters of a change that are told."""
ASKING: Final = frozenset(
    {*METHODS, *NORMALIZING, "get", "pop", "find", "count", "index", "compile", "finditer", "findall", "sub", "replace"}
)
"""Calls whose texts decide something."""
SHOWING: Final = frozenset({"printable", "summary", "add_evidence", "warn"})
"""Calls whose arguments are for people."""


@dataclass(frozen=True, order=True)
class Mutant:
    """One change of one file: what stands between two offsets becomes another text."""

    module: str
    """As `network/routes`, below the package."""
    start: int
    """Offset in characters."""
    end: int
    new: str
    kind: str
    line: int
    function: str
    """`Class.method` or `function`; empty for what a module does when it is imported."""
    old: str
    context: str
    """The line's text, to find the same mutant again when lines moved."""

    def apply(self, source: str) -> str:
        """The file's text with the change."""
        assert source[self.start : self.end] == self.old, f"{self} is about another text"
        return source[: self.start] + self.new + source[self.end :]

    @property
    def identity(self) -> str:
        """What stays of it while other lines change."""
        return f"{self.module}::{self.function}::{self.context}::{self.old} -> {self.new}"

    def __str__(self) -> str:
        old, new = (_shown(t, o) for t, o in ((self.old, self.new), (self.new, self.old)))
        return f"{self.module}.py:{self.line} {self.function or '(module)'} [{self.kind}] {old} -> {new or '(nothing)'}"


def _shown(text: str, other: str) -> str:
    """Where a long text differs from the other one."""
    text, other = (" ".join(t.split()) for t in (text, other))
    if len(text) <= SHOWN:
        return text
    same = next((n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    first = max(0, same - SHOWN // 2)
    return f"...{text[first : first + SHOWN]}..."


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every mutant of one file, in the order of the text; all of them are still Python (a self-test compiles some)."""
    found: dict[tuple[int, int, str], Mutant] = {}
    for mutant in _Finder(module, source).find():
        if mutant.old != mutant.new:
            found.setdefault((mutant.start, mutant.end, mutant.new), mutant)
    return sorted(found.values())


class _Finder:
    """Walks one file's tree with the names of what is around."""

    def __init__(self, module: str, source: str) -> None:
        self.module, self.source = module, source
        self.lines = source.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def find(self) -> Iterator[Mutant]:
        yield from self._walk(ast.parse(self.source), "", told=False)

    def _walk(self, node: ast.AST, inside: str, *, told: bool) -> Iterator[Mutant]:
        """`told`: only people read what comes of `node`."""
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
            return
        if not told:
            for start, end, new, kind in self._changes(node):
                yield self._mutant(start, end, new, kind, inside)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inside = f"{inside}.{node.name}".lstrip(".")
        for child in _judged_children(node):
            yield from self._walk(child, inside, told=told or _is_for_people(node, child))

    def _mutant(self, start: int, end: int, new: str, kind: str, inside: str) -> Mutant:
        line = self.source.count("\n", 0, start) + 1
        return Mutant(
            self.module, start, end, new, kind, line, inside, self.source[start:end], self.lines[line - 1].strip()
        )

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return self._offset(node.lineno, node.col_offset), self._offset(
            node.end_lineno or node.lineno, node.end_col_offset or 0
        )

    def _offset(self, line: int, column: int) -> int:
        """The tree counts bytes, the text counts characters."""
        return self.starts[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def _changes(self, node: ast.AST) -> Iterator[tuple[int, int, str, str]]:
        if isinstance(node, ast.stmt):
            start, end = self._span(node)
            for text, kind in _changed_statements(node):
                yield start, end, text, kind
        elif isinstance(node, ast.comprehension):
            for test in node.ifs:
                yield *self._span(test), "True", "filter"
        elif isinstance(node, ast.expr):
            start, end = self._span(node)
            for text, kind in _changed_expressions(node):
                yield start, end, text, kind
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value.strip():
            yield from self._without_a_line(node)
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            yield *self._span(node.test), f"(not ({ast.unparse(node.test)}))", "condition"

    def _without_a_line(self, node: ast.Constant) -> Iterator[tuple[int, int, str, str]]:
        """Lines of a table that is written as one text."""
        for number in range(node.lineno, node.end_lineno or node.lineno):
            if self.lines[number - 1].strip() and number > node.lineno:
                yield self.starts[number - 1], self.starts[number], "", "table line"


def _judged_children(node: ast.AST) -> Iterator[ast.AST]:
    """Without docstrings, annotations and decorators; match patterns are judged by their values."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment", "bases"):
            continue
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST) and not _is_docstring(child):
                yield child


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_for_people(node: ast.AST, child: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        return True
    if not isinstance(node, ast.Call) or child is node.func:
        return False
    name = _name(node.func)
    if name == "printable":  # what is shown may decide, how much of it does not
        return child not in node.args[:1]
    return name in SHOWING or name in EXCEPTIONS


def _name(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _changed_statements(node: ast.stmt) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "return None", "return"
            if isinstance(value, ast.Constant) and isinstance(value.value, bool):
                yield f"return {not value.value}", "return"
        case ast.Return(value=value) if value is not None:
            yield "return 0", "return"
        case ast.Expr(value=ast.Call() as call) if _name(call.func) not in SHOWING:
            yield "pass", "statement"
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) as call):
            yield "pass", "statement"
            if name in EXCEPTIONS:
                changed = copy.deepcopy(call)
                changed.func = ast.Name(EXCEPTIONS[name])
                yield f"raise {ast.unparse(changed)}", "exception"
        case ast.Raise():
            yield "pass", "statement"
        case ast.Continue():
            yield "break", "loop"
        case ast.Break():
            yield "continue", "loop"
        case ast.AugAssign(op=op) if type(op) in OPERATORS and not _is_text(node.value):
            yield ast.unparse(ast.AugAssign(node.target, OPERATORS[type(op)](), node.value)), "operator"
        case ast.AugAssign() if not _is_text(node.value):
            yield "pass", "statement"


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _is_message(value: ast.expr) -> bool:
    words = value.value if isinstance(value, ast.Constant) else None
    return isinstance(value, ast.JoinedStr) or (isinstance(words, str) and " " in words)


def _is_text(value: ast.expr) -> bool:
    if isinstance(value, ast.BinOp):
        return _is_text(value.left) or _is_text(value.right)
    if isinstance(value, ast.IfExp):
        return _is_text(value.body) or _is_text(value.orelse)
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str))


def _changed_expressions(node: ast.expr) -> Iterator[tuple[str, str]]:
    for text, kind in _changed_parts(node):
        yield (text if isinstance(node, ast.Constant) else f"({text})"), kind


def _changed_parts(node: ast.expr) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.BinOp():
            yield from _changed_operators(node)
        case ast.Constant(value=bool() as value):
            yield repr(not value), "constant"
        case ast.Constant(value=int() | float() as number):
            yield repr(number + 1), "constant"
        case ast.Call():
            yield from _changed_calls(node)
        case ast.Subscript(slice=key):
            yield from _changed_texts(node, [key])
        case ast.Tuple() | ast.List() | ast.Set() if not isinstance(getattr(node, "ctx", None), ast.Store):
            yield from _changed_texts(node, node.elts)
            yield from _shorter(node)
        case ast.Dict():
            yield from _changed_texts(node, [*(k for k in node.keys if k is not None), *node.values])
            for index in range(len(node.keys) if len(node.keys) > 1 else 0):
                keys = node.keys[:index] + node.keys[index + 1 :]
                yield ast.unparse(ast.Dict(keys, node.values[:index] + node.values[index + 1 :])), "entry"


def _changed_operators(node: ast.expr) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                changed = copy.deepcopy(node)
                changed.ops[index] = COMPARISONS[type(op)]()
                yield ast.unparse(changed), "comparison"
            yield from _changed_texts(node, [node.left, *node.comparators])
        case ast.BoolOp(op=op, values=values) if not any(_is_message(v) for v in values):
            other: ast.boolop = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield ast.unparse(ast.BoolOp(other, values)), "and, or"
            for index in range(len(values)):
                rest = values[:index] + values[index + 1 :]
                yield ast.unparse(ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]), "operand"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield ast.unparse(operand), "not"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield ast.unparse(operand), "sign"
        case ast.BinOp(op=op) if type(op) in OPERATORS and not _is_text(node):
            yield ast.unparse(ast.BinOp(node.left, OPERATORS[type(op)](), node.right)), "operator"


def _changed_calls(node: ast.Call) -> Iterator[tuple[str, str]]:
    name = _name(node.func)
    if isinstance(node.func, ast.Name) and name in FUNCTIONS:
        yield ast.unparse(ast.Call(ast.Name(FUNCTIONS[name]), node.args, node.keywords)), "function"
    if isinstance(node.func, ast.Attribute):
        if name in METHODS and (name not in ("split", "rsplit") or len(node.args) > 1):
            yield (
                ast.unparse(ast.Call(ast.Attribute(node.func.value, METHODS[name]), node.args, node.keywords)),
                "method",
            )
        if name in NORMALIZING:
            yield ast.unparse(node.func.value), "method"
    if name in ASKING or name.endswith("_at"):  # arm_json's `text_at(record, "name")` and its siblings
        yield from _changed_texts(node, node.args)


def _changed_texts(node: ast.expr, places: list[ast.expr]) -> Iterator[tuple[str, str]]:
    """One word that decides, spelt otherwise; texts elsewhere are for people."""
    for place in places:
        if isinstance(place, ast.Constant) and isinstance(place.value, str) and "\n" not in place.value:
            value = place.value
            place.value = f"XX{value}"
            yield ast.unparse(node), "word"
            place.value = value


def _shorter(node: ast.Tuple | ast.List | ast.Set) -> Iterator[tuple[str, str]]:
    """One element less, where elements are plain values."""
    if len(node.elts) < 2 or not all(
        isinstance(e, ast.Constant | ast.Name | ast.Attribute | ast.Tuple) for e in node.elts
    ):
        return
    if isinstance(node, ast.Tuple) and not all(isinstance(e, ast.Constant | ast.Tuple) for e in node.elts):
        return  # a pair of values is no table
    for index in range(len(node.elts)):
        changed = copy.copy(node)
        changed.elts = node.elts[:index] + node.elts[index + 1 :]
        yield ast.unparse(changed), "element"
