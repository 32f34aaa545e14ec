"""The direction of imports: pure modules know the standard library and each other, and nothing imports in a circle."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

from backup_compliance.controls import PRODUCT_FOLDERS
from selftests.product import ROOT

PACKAGE = ROOT / "backup_compliance"
# comparing versions is nobody's own business; packaging does it without any I/O
# nor are Windows time zone ids: tzlocal.windows_tz is a table, and importing it asks for no local zone
# msgspec turns bytes into records
PURE_LIBRARIES = {"packaging", "tzlocal", "msgspec"}
PURE = (
    *(
        "verdicts",
        "root_causes",
        "untrusted",
        "arm_json",
        "observed",
        "recorded",
        "guest/output",
        "guest/files",
        "guest/facts",
        "guest/agent",
        "guest/connectivity",
    ),
    *("guest/extension", "guest/leases", "guest/static", "guest/system", "guest/decisions", "guest/linux"),
    *("guest/versions", "guest/goal_state", "guest/either"),
    *("guest/windows", "guest/windows_agent", "guest/windows_decisions", "guest/windows_extension"),
    *("guest/windows_facts", "guest/windows_network", "guest/windows_output", "guest/windows_proxy"),
    *("guest/windows_registry", "guest/windows_system"),
    *("platform/__init__", "platform/resource_types", "platform/estate", "platform/facts", "platform/compute"),
    "platform/arm_replies",
    *("platform/machine", "platform/policy", "platform/inventory", "platform/decisions"),
    *("platform/backup", "platform/backup_errors", "platform/protection", "platform/workloads"),
    *("platform/backup_decisions", "platform/extension_decisions"),
    *("schedules", "time_zones", "crowds", "staggering", "narrowing"),
    *("platform/references", "platform/interfaces", "platform/virtual_networks", "platform/routing"),
    *("platform/application_groups", "platform/egress", "platform/outbound", "platform/load_balancers"),
    *(
        "platform/private_endpoints",
        "platform/static_address",
        "platform/schedule_groups",
        "platform/names",
        "platform/holders",
        "platform/proxy_path",
        "platform/restore_points",
        "platform/load",
        "platform/live",
    ),
    *("network/__init__", "network/addresses", "network/egress", "network/ip_flow"),
    *("network/partition", "network/routes", "network/security_rules", "network/service_tags"),
)
KNOWS_PYTEST = {
    *("plugin", "fixtures", "protocol", "reporter", "options", "azure_options", "fleet/options", "report/terminal"),
    "other_baseline",
}
KNOWS_AZURE = {
    *("platform/arm_client", "platform/arm_pace", "platform/arm_policies", "platform/arm_questions"),
    *("platform/arm_operations", "platform/asking", "platform/clouds", "platform/credentials", "platform/graph"),
    *("platform/live_questions", "platform/metrics_questions", "platform/read"),
}
KNOWS_DASK = {"fleet/dask_engine"}
KNOWS_HOSTS = {"guest/read", "guest/connection", "guest/hosts", "guest/winrm_connection"}
IMPURE_CALLS = {"open", "print", "input", "eval", "exec"}


def _modules() -> list[str]:
    return sorted(str(p.relative_to(PACKAGE).with_suffix("")) for p in PACKAGE.rglob("*.py"))


def _tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text())


@cache
def _imports(module: str) -> frozenset[str]:
    found = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return frozenset(found)


def _own(module: str) -> set[str]:
    names = {
        i.removeprefix("backup_compliance.").replace(".", "/")
        for i in _imports(module)
        if i.startswith("backup_compliance.")
    }
    return {n if (PACKAGE / f"{n}.py").is_file() else f"{n}/__init__" for n in names}


def _strangers(module: str) -> set[str]:
    return {i.split(".")[0] for i in _imports(module)} - sys.stdlib_module_names - {"backup_compliance", "__future__"}


@pytest.mark.parametrize("module", PURE)
def test_pure_module_imports_pure_modules_only(module: str) -> None:
    """Parsing and deciding need no library that does I/O."""
    assert _strangers(module) <= PURE_LIBRARIES
    assert _own(module) <= set(PURE)
    assert not _imports(module) & {"os", "subprocess", "socket", "pathlib", "urllib.request", "time"}


@pytest.mark.parametrize("module", PURE)
def test_pure_module_does_no_io(module: str) -> None:
    """Nothing opens, prints or evaluates."""
    calls = {n.func.id for n in ast.walk(_tree(module)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & IMPURE_CALLS


@pytest.mark.parametrize("module", _modules())
def test_libraries_are_known_where_they_belong(module: str) -> None:
    """Pytest in the plugin and its helpers, testinfra where guests are read, azure where ARM is, Dask in its engine."""
    strangers = _strangers(module)
    assert "pytest" not in strangers or module in KNOWS_PYTEST
    assert "testinfra" not in strangers or module in KNOWS_HOSTS
    assert "azure" not in strangers or module in KNOWS_AZURE
    assert not strangers & {"dask", "distributed"} or module in KNOWS_DASK


@pytest.mark.parametrize("module", [m for m in _modules() if m.startswith("report/")])
def test_reports_know_no_kind_of_guest(module: str) -> None:
    """A report that names one system forgets the guests of the other; what it needs, both of them have."""
    assert not {m for m in _own(module) if m.startswith("guest/")}
    names = {getattr(n, key, None) for n in ast.walk(_tree(module)) for key in ("id", "name", "attr", "value")}
    assert not {n for n in names if isinstance(n, str)} & {"LinuxGuest", "WindowsGuest", "Guest"}


def test_imports_go_one_way_and_not_deep() -> None:
    """No circle, and a short way from the plugin down to the facts.

    Reading through workers adds three to it: what this side hands over names what runs on theirs.
    """
    depths: dict[str, int] = {}

    def depth(module: str, above: tuple[str, ...]) -> int:
        assert module not in above, f"import circle: {' -> '.join((*above, module))}"
        if module not in depths:
            depths[module] = 1 + max(
                (depth(m, (*above, module)) for m in _own(module) if (PACKAGE / f"{m}.py").is_file()), default=0
            )
        return depths[module]

    assert max(depth(module, ()) for module in _modules()) <= 18


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
        assert any(isinstance(n, ast.Assert) for n in ast.walk(test)), test.name


@pytest.mark.parametrize("module", _modules())
def test_modules_and_functions_stay_small(module: str) -> None:
    """300 lines a module, 40 a function (docstrings not counted)."""
    assert len((PACKAGE / f"{module}.py").read_text().splitlines()) <= 300
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.FunctionDef):
            start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.body[0].lineno
            assert (node.end_lineno or start) - start < 40, f"{module}.{node.name}"
