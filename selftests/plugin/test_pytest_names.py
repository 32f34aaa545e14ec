"""The names inside of pytest that the plugin leans on: one that is gone changes what a run does without a word, so it is told here."""

from __future__ import annotations

import ast
import functools

import _pytest.capture
import _pytest.logging
import pytest
from _pytest.fixtures import FixtureFunctionDefinition
from _pytest.main import FSHookProxy

from backup_compliance.plugin.protocol import _CAPTURE_FIXTURES, _CAPTURE_PLUGINS, _INTERACTIVE_OPTIONS
from selftests.builders.product import ROOT

OPTIONS = (*_INTERACTIVE_OPTIONS, "help", "version", "collectonly", "capture", "showfixtures", "show_fixtures_per_test")
PRIVATE = {"_fixtureinfo", "_request"}


@pytest.mark.parametrize("name", OPTIONS)
def test_option_is_registered(pytestconfig: pytest.Config, name: str) -> None:
    """A default stands in for an option that is not there, and `--pdb` would be passed over."""
    assert hasattr(pytestconfig.option, name)


@pytest.mark.parametrize("name", _CAPTURE_PLUGINS)
def test_plugin_that_captures_is_registered(pytestconfig: pytest.Config, name: str) -> None:
    """Under another name it would listen to every control, and what guests say would stand in reports."""
    assert pytestconfig.pluginmanager.get_plugin(name) is not None


def test_fixtures_that_capture_are_all_known() -> None:
    """A test that asks for one of them is run by pytest's own protocol, or it captures nothing."""
    modules = (_pytest.capture, _pytest.logging)
    found = {n for m in modules for n, value in vars(m).items() if isinstance(value, FixtureFunctionDefinition)}
    assert found == _CAPTURE_FIXTURES


def test_hooks_of_other_folders_are_left_out(pytestconfig: pytest.Config) -> None:
    """`remove_mods` holds the conftests that have no say; without it they would run for every control."""
    elsewhere = object()
    assert FSHookProxy(pytestconfig.pluginmanager, {elsewhere}).remove_mods == {elsewhere}


def test_item_asks_its_session_for_hooks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is put in place of `session.gethookproxy` is what `item.ihook` takes."""
    with monkeypatch.context() as patched:
        patched.setattr(request.session, "gethookproxy", lambda path: (path,))
        found = request.node.ihook
    assert found == (request.node.path,)


def test_item_keeps_its_location_in_its_dictionary() -> None:
    """A cached property's value is what lies there; of anything else it would be a stale second one."""
    assert isinstance(vars(pytest.Item)["location"], functools.cached_property)


def test_item_keeps_what_it_was_given(request: pytest.FixtureRequest) -> None:
    """Fixtures' values and their request, which are given up after each control and asked for the other baseline."""
    item = request.node
    assert isinstance(item, pytest.Function)
    assert item.funcargs["request"] is request
    assert item._request.getfixturevalue("request") is not None


def test_item_knows_its_fixtures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them rest on thresholds, and how they are made again for the other baseline."""
    info = request.node._fixtureinfo
    assert info.argnames == ("request", "monkeypatch")
    (made,) = info.name2fixturedefs["monkeypatch"]
    assert (made.argnames, next(made.func()).__class__) == ((), type(monkeypatch))


def test_no_other_private_name_is_used() -> None:
    """Whoever needs one more of pytest's private names adds it here, with what tells that it is gone."""
    used = set()
    for path in (ROOT / "backup_compliance/plugin").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                used |= {node.attr} if ast.unparse(node.value) not in ("self", "cls") else set()
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("_pytest"):
                used.add(str(node.module))
    assert used == PRIVATE
