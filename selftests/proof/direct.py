"""Controls asked directly, without pytest around them: thousands of damaged recordings are judged in minutes.

What pytest does for a control is done here in a dozen lines: its fixtures, and how it ended. `test_direct.py` holds that both
come to the same.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from backup_compliance.catalogue.baselines import Thresholds, load_baseline
from backup_compliance.catalogue.controls import PRODUCT_FOLDERS, control_of
from backup_compliance.gathering.folder import Facts
from backup_compliance.guest.recording import Guest, parse_guest
from backup_compliance.judging.subjects import Subjects, open_subjects
from backup_compliance.judging.test_results import TestResult, result_of_exception
from backup_compliance.model.recorded import RecordedGuest
from backup_compliance.model.verdicts import Outcome, Unreadable
from backup_compliance.platform.machine import Machine
from selftests.builders.arm import READ_AT
from selftests.builders.product import ROOT

BAD: Final = frozenset({Outcome.NON_COMPLIANT, Outcome.UNDETERMINED, Outcome.ERROR})
"""Outcomes that say that something is wrong, or not known."""


@dataclass(frozen=True)
class Asked:
    """A control's function, and where its fixtures are found."""

    id: str
    side: str
    subject: str
    function: Callable[..., None]
    fixtures: Mapping[str, Callable[..., Any]]

    def end(self, given: Mapping[str, Any]) -> TestResult:
        """How it ends for what is given."""
        known = dict(given)
        try:
            arguments = [self._value(name, known) for name in inspect.signature(self.function).parameters]
        except Exception as error:  # noqa: BLE001  # whatever a fixture raises is the verdict
            return result_of_exception(error, in_body=False)
        try:
            self.function(*arguments)
        except Exception as error:  # noqa: BLE001
            return result_of_exception(error, in_body=True)
        return result_of_exception(None, in_body=True)

    def _value(self, name: str, known: dict[str, Any]) -> Any:
        if name not in known:
            make = self.fixtures[name]
            known[name] = make(*(self._value(n, known) for n in inspect.signature(make).parameters))
        return known[name]


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"proof_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def controls() -> tuple[Asked, ...]:
    """Every control of the product's tests."""
    found = []
    for folder in PRODUCT_FOLDERS:
        fixtures = {
            n: f.__wrapped__ for n, f in vars(_imported(ROOT / folder / "conftest.py")).items() if _is_fixture(f)
        }
        for path in sorted((ROOT / folder).glob("test_*.py")):
            for function in vars(_imported(path)).values():
                control = control_of(function)
                if control is not None:
                    found.append(Asked(control.id, control.side, control.subject, function, fixtures))
    return tuple(found)


def _is_fixture(value: object) -> bool:
    return type(value).__name__ == "FixtureFunctionDefinition"


@cache
def thresholds() -> Thresholds:
    """Those of the baseline that holds by default."""
    return load_baseline("documented").thresholds


@dataclass(frozen=True)
class Case:
    """One control and one subject of it."""

    control: str
    resource: str


def ends_of_guest(
    output: bytes,
    only: frozenset[str] | None = None,
    around: Machine | None = None,
    read_at: datetime | None = None,
) -> dict[str, TestResult]:
    """How each control of a guest ends; `only`: of these controls; `around`: the virtual machine that it is inside of."""
    try:
        guest: Guest | Unreadable = parse_guest(output, read_at)
    except Unreadable as error:
        guest = error
    found = {}
    for asked in controls():
        if asked.side == "guest" and (only is None or asked.id in only):
            if isinstance(guest, Unreadable):
                found[asked.id] = result_of_exception(guest, in_body=False)
            else:
                found[asked.id] = asked.end(
                    {"guest": guest.for_one_test(), "machine_around": around, "thresholds": thresholds()}
                )
    return found


def opened(facts: Facts) -> Subjects:
    """The subjects of recorded facts, on the day that the builders' facts are of."""
    return open_subjects(facts, READ_AT)


def ends_on_platform(subjects: Subjects, only: frozenset[Case] | None = None) -> dict[Case, TestResult]:
    """How each control of machines and policies ends; a machine that cannot be read ends each of its controls."""
    found = {}
    for asked in controls():
        keys = {"vm": subjects.machines, "policy": subjects.policies}[asked.subject] if asked.side == "platform" else {}
        for key in keys:
            case = Case(asked.id, key)
            if only is None or case in only:
                found[case] = _end_on_platform(asked, subjects, key)
    return found


def _end_on_platform(asked: Asked, subjects: Subjects, key: str) -> TestResult:
    given: dict[str, Any] = {"thresholds": thresholds()}
    try:
        if asked.subject == "policy":
            given["policy"] = subjects.policy(key)
        else:
            given["machine"] = subjects.machine(key)
            given["guest_inside"] = subjects.guest_of(key)
    except Unreadable as error:
        return result_of_exception(error, in_body=False)
    return asked.end(given)


def guest_facts(output: bytes, name: str = "sample") -> Facts:
    """One guest's recording as facts."""
    return Facts((RecordedGuest(name, output),))
