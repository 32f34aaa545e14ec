"""Controls: one documented precondition each, described once, next to the test that asserts it."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
ID_PATTERN: Final = re.compile(r"AVB-[1-5]\d\d")
PRODUCT_FOLDERS: Final = ("tests_guest", "tests_platform")
CAUSES: Final = {
    1: "The VM cannot reach Azure",
    2: "The VM agent is missing, stopped or old",
    3: "The backup extension cannot be updated or loaded",
    4: "The snapshot cannot be taken or its status read",
    5: "Beyond the article",
}


class Severity(StrEnum):
    """How bad a non-compliant control is; ordered by `rank`, worst highest."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low to 3 for critical."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Source:
    """The documentation a control rests on."""

    title: str
    date: str
    """ISO date of the page."""


TROUBLESHOOTING_2016: Final = Source("Troubleshoot Azure Backup: VM agent cannot be reached", "2016-07-14")
TROUBLESHOOTING_2025: Final = Source("Troubleshoot backup errors with Azure virtual machines", "2025-11-12")
MINIMUM_AGENT_2025: Final = Source("Minimum version support for the VM agent in Azure", "2025-09-15")
EXTENSION_SOURCE_2026: Final = Source("Azure/azure-linux-extensions, VMBackup (source of the extension)", "2026-08-06")
FAQ_2025: Final = Source("Frequently asked questions: back up Azure VMs", "2025-10-27")
PRIVATE_ENDPOINTS_2025: Final = Source("Private endpoints for Azure Backup: overview", "2025-09-09")
OUTBOUND_2026: Final = Source("Default outbound access in Azure: private subnets by default", "2026-03-31")
HOST_ADDRESS_2019: Final = Source("What is IP address 168.63.129.16?", "2019-05-15")


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands to copy beside the remediation. One that changes something stands below one that shows what would change.

    {vm}, {group} and {subscription} are filled in from the VM's resource id, {endpoint} from what the guest asked, quoted
    for a shell; words in capitals are the reader's to replace.
    """

    guest: tuple[str, ...] = ()
    """To type inside a Linux guest."""
    azure: tuple[str, ...] = ()
    """To type where `az login` was done."""


@dataclass(frozen=True, slots=True)
class Control:
    """What a product test asserts and what to do when it does not hold."""

    id: str
    cause: int
    title: str
    """The required fact, from the test's name."""
    rationale: str
    """Why it must hold: the test's docstring."""
    remediation: str
    source: Source
    side: str
    """`guest` or `platform`, from the folder of the test."""
    subject: str = "vm"
    """What it judges: a `vm`, or a `policy`, which no single VM answers for."""
    windows_remediation: str = ""
    """What to do on Windows, where that differs."""
    because: str = ""
    """In a few words, what its failure means."""
    breaks: tuple[str, ...] = ()
    """Ids of the controls that likely fail, or cannot be decided, once this one has failed: the next step only."""
    see: tuple[str, ...] = ()
    """Ids of the controls that its remediation sends the reader to."""
    commands: Commands = Commands()
    test: str = field(default="", compare=False)
    """File and function, for people who want to read the assertion."""
    line: int = field(default=1, compare=False)
    """Where that function begins."""


def control(
    identifier: str,
    *,
    cause: int,
    source: Source,
    remediation: str,
    subject: str = "vm",
    windows: str = "",
    because: str = "",
    breaks: tuple[str, ...] = (),
    see: tuple[str, ...] = (),
    commands: Commands = Commands(),  # frozen
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Describe the test below as control `identifier`; the other words are those of `Control`.

    `windows` is the remediation there, where it differs. Severity is the baseline's, never the test's.
    """
    if not ID_PATTERN.fullmatch(identifier) or identifier[4] != str(cause):
        raise ValueError(f"{identifier}: a control's id is AVB-, its cause's digit and two digits")

    def describe(function: Callable[P, R]) -> Callable[P, R]:
        path = Path(inspect.getfile(function))
        described = Control(
            id=identifier,
            cause=cause,
            title=function.__name__.removeprefix("test_").replace("_", " "),
            rationale=" ".join((function.__doc__ or "").split()),
            remediation=remediation,
            source=source,
            side=path.parent.name.removeprefix("tests_"),
            subject=subject,
            windows_remediation=windows,
            because=because,
            breaks=breaks,
            see=see,
            commands=commands,
            test=f"{path.parent.name}/{path.name}::{function.__name__}",
            line=function.__code__.co_firstlineno,
        )
        function.control = described  # type: ignore[attr-defined]  # functions take attributes; pytest's own way
        return function

    return describe


def control_of(function: object) -> Control | None:
    """The control a test function carries, or None."""
    found = getattr(function, "control", None)
    return found if isinstance(found, Control) else None


class DuplicateControl(Exception):
    """Two tests claim one control id."""


class BrokenTests(Exception):
    """A file of product tests cannot be imported."""


class BrokenReference(Exception):
    """A control names one that does not exist, or breaks what breaks it."""


def collect(controls: Iterator[Control]) -> dict[str, Control]:
    """Controls by id in catalogue order; `DuplicateControl` where two tests share an id."""
    found: dict[str, Control] = {}
    for each in controls:
        other = found.setdefault(each.id, each)
        if other.test != each.test:
            raise DuplicateControl(f"control {each.id} is claimed by {other.test} and by {each.test}")
    return dict(sorted(found.items()))


def load_catalogue(root: Path) -> dict[str, Control]:
    """Every control of the product tests below `root`, without running any of them.

    Raises:
        BrokenTests: a file cannot be imported.
        DuplicateControl: two tests claim one id.
        BrokenReference: what a control breaks or refers to does not exist, or what breaks what runs in a circle.
    """

    def every() -> Iterator[Control]:
        for folder in PRODUCT_FOLDERS:
            for path in sorted((root / folder).glob("test_*.py")):
                for value in vars(_imported(path)).values():
                    if found := control_of(value):
                        yield found

    found = collect(every())
    _check_references(found)
    return found


def _check_references(catalogue: Mapping[str, Control]) -> None:
    """Raise `BrokenReference` for an unknown id, and for a circle, which would leave a virtual machine without a cause."""
    for each in catalogue.values():
        for what, ids in (("breaks", each.breaks), ("see", each.see)):
            if unknown := [i for i in ids if i not in catalogue]:
                raise BrokenReference(
                    f"{each.id} ({each.test}): {what} names {', '.join(unknown)}, which is no control"
                )
    try:
        TopologicalSorter({each.id: each.breaks for each in catalogue.values()}).prepare()
    except CycleError as error:
        raise BrokenReference(f"breaks runs in a circle: {' - '.join(error.args[1])}") from error


def _imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"catalogue_{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BrokenTests(f"{path}: {type(error).__name__}: {error}") from error
    return module
