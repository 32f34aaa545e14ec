"""How pytest runs one control: its phases and hooks, without what nobody reads of tens of thousands of controls."""

from __future__ import annotations

import atexit
import copy
import functools
import gc
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, Literal

import pluggy
import pytest

from backup_compliance.catalogue.controls import control_of

_INTERACTIVE_OPTIONS: Final = ("usepdb", "trace", "setuponly", "setupshow", "setupplan")
"""Options of people who watch tests run; pytest's own protocol serves them."""
_CAPTURE_PLUGINS: Final = ("capturemanager", "logging-plugin")
"""pytest's plugins that listen to what a test prints and logs: a control does neither."""
_CAPTURE_FIXTURES: Final = frozenset({"caplog", "capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys"})
"""Tests that ask for one of these need pytest's output capture, so pytest's own protocol runs them."""
_PHASES: Final = ("pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown")


def is_control(item: pytest.Item) -> bool:
    """Whether a test carries a control."""
    return control_of(getattr(item, "function", None)) is not None


class ControlProtocol:
    """Hooks that run controls; whatever else is collected is left to pytest.

    pytest listens to each phase of a test, makes a report of it for every plugin, and formats the traceback of whatever was
    raised. A control has one report, with the verdict.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.watched = any(config.getoption(name, default=False) for name in _INTERACTIVE_OPTIONS)
        self.callers: dict[object, _Callers] = {}
        silent = config.getoption("capture", default="no") != "no"
        self.quiet: AbstractContextManager[object] = _Quiet(config) if silent else nullcontext()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Facts, items and findings stay until the end: the collector need not go through them over and over."""
        _locate(session.items)
        # conftests are all known by now, and each fixture of each test would look for those that have no say
        session.gethookproxy = functools.cache(session.gethookproxy)  # type: ignore[method-assign, assignment]
        gc.freeze()
        outcome = yield
        gc.freeze()
        return outcome

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Give everything back to the collector: `pytest.main()` may have been called in a process that goes on."""
        gc.unfreeze()
        # where the process ends now, its last collection would go through all of it for nothing
        atexit.unregister(gc.freeze)
        atexit.register(gc.freeze)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """One control from its first hook to its last; None leaves a test to pytest."""
        if self.watched or not is_control(item) or not _CAPTURE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            return None
        folder = item.path.parent
        if folder not in self.callers:
            self.callers[folder] = _Callers(item)
        hook = self.callers[folder]
        hook.logstart(nodeid=item.nodeid, location=item.location)
        for report in hook.reports(item, nextitem, self.quiet):
            hook.logreport(report=report)
        hook.logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """A report without a traceback, for the plugin to write the verdict into."""
        if not is_control(item):
            return None
        told = copy.copy(call)
        told.excinfo = None
        report = pytest.TestReport.from_item_and_call(item, told)
        report.keywords = {}  # the names of everything around the test, kept for every one of them
        return report


class _Callers:
    """The hooks that tests of one folder run through, looked up once: conftests of other folders have no say there."""

    def __init__(self, item: pytest.Item) -> None:
        manager, hook = item.config.pluginmanager, item.ihook
        elsewhere = getattr(hook, "remove_mods", ())
        silent = {*elsewhere, *filter(None, map(manager.get_plugin, _CAPTURE_PLUGINS))}
        callers: list[pluggy.HookCaller] = [manager.subset_hook_caller(name, silent) for name in _PHASES]
        self.setup, self.call, self.teardown = callers
        self.logstart, self.logfinish = hook.pytest_runtest_logstart, hook.pytest_runtest_logfinish
        self.makereport, self.logreport = hook.pytest_runtest_makereport, hook.pytest_runtest_logreport

    def reports(
        self, item: pytest.Item, nextitem: pytest.Item | None, quiet: AbstractContextManager[object]
    ) -> Iterator[Any]:
        """Run one test: the report of the phase that it ended in, and one of a teardown that fails."""
        with quiet:
            call = _phase("setup", lambda: self.setup(item=item))
            if call.excinfo is None:
                call = _phase("call", lambda: self.call(item=item))
        yield self.makereport(item=item, call=call)
        # as pytest does: what is about to stop tears everything down now
        following = None if item.session.shouldfail or item.session.shouldstop else nextitem
        with quiet:
            call = _phase("teardown", lambda: self.teardown(item=item, nextitem=following))
        if call.excinfo is not None:
            yield self.makereport(item=item, call=call)
        # as pytest does: what the test was given goes with it
        item._request, item.funcargs = False, None  # type: ignore[attr-defined]  # noqa: SLF001


class _Quiet:
    """Prints go nowhere: what a control prints is a guest's word often enough, and nobody makes it harmless."""

    def __init__(self, config: pytest.Config) -> None:
        self.nowhere = Path(os.devnull).open("w", encoding="utf-8", errors="replace")  # noqa: SIM115  # for the whole run
        config.add_cleanup(self.nowhere.close)

    def __enter__(self) -> None:
        self.before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self.nowhere

    def __exit__(self, *raised: object) -> None:
        sys.stdout, sys.stderr = self.before


def _phase(when: Literal["setup", "call", "teardown"], run: Callable[[], None]) -> pytest.CallInfo[None]:
    return pytest.CallInfo.from_call(run, when=when, reraise=(pytest.exit.Exception, KeyboardInterrupt))


def _locate(items: Sequence[pytest.Item]) -> None:
    """Where each control stands, found once a function: pytest reads its source again for every subject."""
    known: dict[object, tuple[str, int | None]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and is_control(item) and item.cls is None:
            if item.function not in known:
                known[item.function] = item.location[:2]
            item.__dict__["location"] = (*known[item.function], item.name)  # where `cached_property` keeps it
