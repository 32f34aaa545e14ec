"""The house: which room may import which, and what each room may know. Held by folder, so that a new file is held too."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

from backup_compliance.catalogue.controls import PRODUCT_FOLDERS
from selftests.builders.product import ROOT

PACKAGE = ROOT / "backup_compliance"

FLOORS = (
    ("demo", "plugin"),
    ("report",),
    ("judging",),
    ("gathering",),
    ("fleet",),
    ("platform", "platform/arm"),
    ("platform/decisions",),
    ("platform/estate",),
    ("guest/transport",),
    ("guest",),
    ("guest/linux", "guest/windows"),
    ("guest/facts", "guest/addressing", "guest/probe_output", "guest/versions", "network", "schedules", "catalogue"),
    ("guest/extension_status",),
    ("model",),
)
"""From top to bottom. A room imports from floors below its own; the longest name that fits is a module's room."""
READS_WITH = {"testinfra": {"guest/transport"}, "azure": {"platform/arm"}, "dask": {"fleet"}, "distributed": {"fleet"}}
"""Libraries that reach other machines, and the rooms that may use them."""
OPENS_SOCKETS = {"guest/transport", "platform/arm", "fleet", "gathering"}
NETWORK_LIBRARIES = {"socket", "ssl", "requests", "urllib3", "http", "urllib.request", "winrm", "paramiko"}
KNOWS_PYTEST = {"plugin", "report/html"}  # pytest-html calls report/html
KNOWS_HTML = {"report"}
HTML_LIBRARIES = {"jinja2", "html", "pytest_html"}
PURE = {"model", "schedules", "network", "platform/estate", "platform/decisions", "judging"}
PURE |= {
    "guest",
    "guest/linux",
    "guest/windows",
    "guest/facts",
    "guest/addressing",
    "guest/probe_output",
    "guest/versions",
    "guest/extension_status",
}
PURE -= {"judging"}  # it takes the clock's word for the start of a run
READS_ITS_OWN_FILE = {"guest/linux/probe", "guest/windows/probe"}  # the probe lies beside the module that sends it
PURE_LIBRARIES = {
    "packaging",
    "msgspec",
    "tzlocal",
}  # version order; bytes into records; the table of Windows' time zones
IMPURE_MODULES = {"os", "subprocess", "pathlib", "time", "tempfile", "threading"} | NETWORK_LIBRARIES
IMPURE_CALLS = {"open", "print", "input", "eval", "exec"}


def _modules() -> list[str]:
    return sorted(str(p.relative_to(PACKAGE).with_suffix("")) for p in PACKAGE.rglob("*.py"))


ROOM_OF_FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def _room(module: str) -> str:
    """The longest room name that `module` lies in; the package's own `__init__` lies in none."""
    fitting = [r for r in ROOM_OF_FLOOR if module == r or module.startswith(f"{r}/")]
    return max(fitting, key=len, default="")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text())


@cache
def _imports(module: str) -> frozenset[str]:
    found = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@cache
def _own(module: str) -> frozenset[str]:
    """The modules of this package that `module` imports."""
    names = {
        i.removeprefix("backup_compliance.").replace(".", "/") for i in _imports(module) if "backup_compliance." in i
    }
    return frozenset(n for n in names if (PACKAGE / f"{n}.py").is_file())


def _libraries(module: str) -> set[str]:
    return {i.split(".")[0] for i in _imports(module)} - sys.stdlib_module_names - {"backup_compliance"}


@pytest.mark.parametrize("module", [m for m in _modules() if m != "__init__"])
def test_module_lies_in_a_room_and_imports_downwards(module: str) -> None:
    """Within a room everything may be used; from another room only what lies below."""
    room = _room(module)
    assert room, f"{module} lies in no room: add it to one, or a room to the table"
    above = {
        other for other in _own(module) if _room(other) != room and ROOM_OF_FLOOR[_room(other)] <= ROOM_OF_FLOOR[room]
    }
    assert not above, f"{module} of {room} imports from above or beside"


@pytest.mark.parametrize("module", _modules())
def test_room_knows_only_what_it_may(module: str) -> None:
    """Sockets where guests, ARM and workers are reached; pytest in the plugin; HTML in the reports."""
    room, libraries, imports = _room(module), _libraries(module), _imports(module)
    for library, rooms in READS_WITH.items():
        assert library not in libraries or room in rooms, library
    assert room in OPENS_SOCKETS or not imports & NETWORK_LIBRARIES
    assert "pytest" not in libraries or module in KNOWS_PYTEST or room in KNOWS_PYTEST
    assert not imports & HTML_LIBRARIES or room in KNOWS_HTML


@pytest.mark.parametrize("module", [m for m in _modules() if _room(m) in PURE and m not in READS_ITS_OWN_FILE])
def test_pure_room_does_no_io(module: str) -> None:
    """Parsing and deciding need no library that does I/O, and open, print or evaluate nothing."""
    calls = {n.func.id for n in ast.walk(_tree(module)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & IMPURE_CALLS
    assert _libraries(module) <= PURE_LIBRARIES
    assert not _imports(module) & IMPURE_MODULES


@pytest.mark.parametrize("module", [m for m in _modules() if m.startswith("report/")])
def test_reports_know_no_kind_of_guest(module: str) -> None:
    """A report that names one system forgets the guests of the other; what it needs, both of them have."""
    assert not {m for m in _own(module) if m.startswith("guest/")}
    names = {getattr(n, key, None) for n in ast.walk(_tree(module)) for key in ("id", "name", "attr", "value")}
    assert not {n for n in names if isinstance(n, str)} & {"LinuxGuest", "WindowsGuest", "Guest"}


def test_nothing_imports_in_a_circle() -> None:
    """Of modules, too, not of rooms alone."""
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, f"import circle: {' -> '.join((*above, module))}"
        if module not in done:
            for other in _own(module):
                visit(other, (*above, module))
            done.add(module)

    for module in _modules():
        visit(module, ())


@pytest.mark.parametrize("folder", sorted({p.parent for p in PACKAGE.rglob("*.py")}), ids=lambda p: p.name)
def test_room_says_what_it_is_for(folder: Path) -> None:
    """Each folder's `__init__` says what the room is for and what may not enter, and hands on no names."""
    module = ast.parse((folder / "__init__.py").read_text())
    text = ast.get_docstring(module) or ""
    assert folder == PACKAGE or "othing enters" in text
    assert folder.name in ("plugin", PACKAGE.name) or len(module.body) == 1


@pytest.mark.parametrize(
    "path",
    sorted(p for folder in PRODUCT_FOLDERS for p in (ROOT / folder).glob("test_*.py")),
    ids=lambda p: f"{p.parent.name}/{p.name}",
)
def test_product_tests_are_short_plain_and_documented(path: Path) -> None:
    """Every test says why in its docstring, has few lines, asserts or is decided, and does no I/O."""
    tests = [
        n for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")
    ]
    assert tests
    for test in tests:
        assert ast.get_docstring(test), test.name
        assert len(test.body) - 1 < 10, test.name
        assert any(isinstance(n, ast.Assert) or _is_verdict(n) for n in ast.walk(test)), test.name


def _is_verdict(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and "NonCompliant(" in ast.unparse(node.exc)


@pytest.mark.parametrize("module", _modules())
def test_modules_and_functions_stay_small(module: str) -> None:
    """300 lines a module, 40 a function (docstrings not counted)."""
    assert len((PACKAGE / f"{module}.py").read_text().splitlines()) <= 300
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.FunctionDef):
            start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.body[0].lineno
            assert (node.end_lineno or start) - start < 40, f"{module}.{node.name}"
