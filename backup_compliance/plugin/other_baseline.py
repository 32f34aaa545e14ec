"""How a control ends with the other baseline's thresholds: its test, and the fixtures that read them, called again."""

from __future__ import annotations

import contextlib
import inspect
import io
from typing import Any, Final

import pytest

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.judging.test_results import TestResult, result_of_exception
from backup_compliance.model.verdicts import NotApplicable

THRESHOLDS: Final = "thresholds"
"""The fixture whose value is the baseline's."""
_READERS: Final = pytest.StashKey[dict[object, frozenset[str]]]()


def other_baseline_result(
    item: pytest.Item, thresholds: Thresholds, end: TestResult, *, was_set_up: bool
) -> TestResult:
    """How `item` ends with other `thresholds`; `end`, as it ended here, where they make no difference.

    Fixtures and tests do no I/O, so that calling them again does no harm; nobody hears what they print. Fixtures that do
    not rest on thresholds keep their values. One that asks `request` for thresholds is not seen to rest on them.
    """
    if not isinstance(item, pytest.Function) or THRESHOLDS not in item.fixturenames:
        return end
    readers = _readers(item)
    if not was_set_up and not readers:
        return end
    nowhere = io.StringIO()
    in_body = False
    try:
        with (
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            contextlib.ExitStack() as given_back,
        ):
            again = _Again(item, readers, thresholds, given_back)
            arguments = {name: again.value(name) for name in item.fixturenames}
            in_body = True
            item.function(**{name: arguments[name] for name in item._fixtureinfo.argnames})  # noqa: SLF001
    except pytest.skip.Exception as skipped:
        return result_of_exception(NotApplicable(str(skipped)), in_body=in_body)
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # whatever it raises is its verdict
        return result_of_exception(error, in_body=in_body)
    return result_of_exception(None, in_body=True)


def _readers(item: pytest.Function) -> frozenset[str]:
    """The fixtures of a test that rest on thresholds, directly or through others; found once for all its subjects."""
    known = item.config.stash.setdefault(_READERS, {})
    if item.function not in known:
        asked = {
            name: {argument for each in fixtures for argument in each.argnames}
            for name, fixtures in item._fixtureinfo.name2fixturedefs.items()  # noqa: SLF001
        }
        found = {THRESHOLDS}
        while more := {name for name, arguments in asked.items() if arguments & found} - found:
            found |= more
        known[item.function] = frozenset(found - {THRESHOLDS})
    return known[item.function]


class _Again:
    """The fixtures of one test: made again where they rest on thresholds, else as pytest made them."""

    def __init__(
        self, item: pytest.Function, readers: frozenset[str], thresholds: Thresholds, given_back: contextlib.ExitStack
    ) -> None:
        self.item, self.readers, self.given_back = item, readers, given_back
        self.made: dict[str, Any] = {THRESHOLDS: thresholds}

    def value(self, name: str, level: int = -1) -> Any:
        """A fixture's value, or what it raises; `level` -2 is the one that a fixture of the same name overrides."""
        if level == -1 and name in self.made:
            return self.made[name]
        if name not in self.readers:
            # where the set-up ended early, pytest makes now what it had not come to
            values = self.item.funcargs
            return values[name] if name in values else self.item._request.getfixturevalue(name)  # noqa: SLF001
        fixture = self.item._fixtureinfo.name2fixturedefs[name][level]  # noqa: SLF001
        arguments = {each: self.value(each, level - 1 if each == name else -1) for each in fixture.argnames}
        if inspect.isgeneratorfunction(fixture.func):
            made = self.given_back.enter_context(contextlib.contextmanager(fixture.func)(**arguments))
        else:
            made = fixture.func(**arguments)
        if level == -1:
            self.made[name] = made
        return made
