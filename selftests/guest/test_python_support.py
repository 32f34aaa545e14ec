"""Whether the extension runs under a Python that its launcher finds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from backup_compliance.guest.extension_status.facts import Handler, Interpreter
from backup_compliance.guest.extension_status.reading import ExtensionStatus, parse_status_text
from backup_compliance.guest.python_support import interpreter_failure, needs_health, support_failure
from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from selftests.builders.extension_reports import FAILED, GOOD, UNDER_WAY, Report

OLDEST = "2.6"
BARE = ExtensionStatus("7.status", ("success",), 1, "", None)
"""A report without telemetry."""


def python(version: str | None, path: str = "/usr/bin/python3", found: str = "in the launcher's list") -> Interpreter:
    """One that the launcher tries."""
    return Interpreter(path, Version(version) if version else None, found)


def handler(version: str = "1.0.9220.0", last: Report | ExtensionStatus | None = None, **changes: object) -> Handler:
    """An enabled and ready handler with this newest report."""
    report = parse_status_text(last.text(), "x") if isinstance(last, Report) else last
    made = Handler(f"/x-{version}", Version(version), "Enabled", "Ready", "Plugin enabled", report)
    return replace(made, **changes)  # type: ignore[arg-type]  # a table's values


def wrote(version: str, under: str, report: Report = GOOD) -> Report:
    """A report whose telemetry names its writer."""
    return replace(report, version=version, python=under)


P38, P312, P313 = python("3.8.10", "/usr/local/bin/python3.8"), python("3.12.3"), python("3.13.5")


@pytest.mark.parametrize("version", ["2.6.6", "2.7.18", "3.6.15", "3.9.21", "3.11.2"])
def test_older_python_runs_every_version(version: str) -> None:
    """Without any report."""
    assert interpreter_failure([python(version)], handler("1.0.91.0"), OLDEST) is None


@pytest.mark.parametrize(
    ("found", "at_work"),
    [
        ([P313, P38], handler()),
        ([P313, python("3.6.8", "/usr/libexec/platform-python", "it runs the agent")], None),
        ([python(None), P38], handler()),
    ],
)
def test_one_that_is_fit_suffices(found: list[Interpreter], at_work: Handler | None) -> None:
    """The launcher goes on until one of them runs the code."""
    assert interpreter_failure(found, at_work, OLDEST) is None


@pytest.mark.parametrize("report", [GOOD, FAILED, UNDER_WAY])
@pytest.mark.parametrize(("version", "interpreter"), [("1.0.9220.0", P312), ("1.0.9225.0", P313), ("1.0.9300.0", P313)])
def test_own_report_proves_the_python(report: Report, version: str, interpreter: Interpreter) -> None:
    """Whatever became of the run: what could write it, runs; a patch release takes no module away."""
    under = str(interpreter.version).rpartition(".")[0] + ".1"
    assert support_failure([interpreter], handler(version, wrote(version, under, report)), OLDEST) is None


@pytest.mark.parametrize(("version", "interpreter"), [("1.0.9220.0", P312), ("1.0.9225.0", P313), ("1.0.9300.0", P313)])
def test_report_without_a_writer_proves_it_where_all_is_well(version: str, interpreter: Interpreter) -> None:
    """Enabled, ready and a good newest report."""
    assert support_failure([interpreter], handler(version, BARE), OLDEST) is None


@pytest.mark.parametrize(
    "last",
    [
        None,
        wrote("1.0.9111.0", "3.13.5"),
        wrote("1.0.9225.0", "3.11.2"),
        replace(BARE, code=402, statuses=("error",)),
        replace(BARE, python_version="3.13.5"),
        replace(BARE, extension_version="1.0.9225.0"),
    ],
)
def test_python_313_with_a_version_known_to_be_bad_fails(last: Report | ExtensionStatus | None) -> None:
    """Another version's report, and one under another Python, prove nothing."""
    failure = support_failure([P313], handler("1.0.9225.0", last), OLDEST) or ""
    assert "needs crypt, imp, which Python 3.13 and newer no longer have" in failure


@pytest.mark.parametrize(
    ("version", "found"),
    [("1.0.9225.0", [P312]), ("1.0.9225.0", [P313, P312]), ("1.0.9225.1", [P313]), ("1.0.9300.0", [python("3.14.2")])],
)
def test_python_in_doubt_is_undetermined(version: str, found: list[Interpreter]) -> None:
    """3.12, whose modules setuptools may supply; a version of which nothing is known."""
    with pytest.raises(Undetermined, match=f"VMSnapshotLinux {version} runs under Python"):
        support_failure(found, handler(version, wrote("1.0.9111.0", "3.11.2")), OLDEST)


@pytest.mark.parametrize("changes", [{"state": "Installed"}, {"status": "NotReady"}])
def test_report_without_a_writer_proves_nothing_where_not_all_is_well(changes: dict[str, object]) -> None:
    """The good report may be an older version's."""
    with pytest.raises(Undetermined):
        support_failure([P312], handler("1.0.9220.0", BARE, **changes), OLDEST)


@pytest.mark.parametrize("modules", [("imp", "distutils"), ("crypt",), ("distutils.version",)])
def test_start_that_ended_for_want_of_a_module_fails(modules: tuple[str, ...]) -> None:
    """The agent shows the traceback; the version's number proves nothing."""
    failing = handler("1.0.9300.0", wrote("1.0.9111.0", "3.13.5"), status="NotReady", missing_modules=modules)
    assert repr(modules[0]) in (support_failure([P313], failing, OLDEST) or "")


def test_want_of_any_other_module_is_no_matter_of_python() -> None:
    """A damaged package is AVB-302's."""
    with pytest.raises(Undetermined):
        support_failure([P313], handler("1.0.9300.0", status="NotReady", missing_modules=("Utils",)), OLDEST)


def test_older_python_that_was_brought_in_since_counts() -> None:
    """The message is of before it."""
    assert support_failure([P313, P38], handler(missing_modules=("imp",)), OLDEST) is None


@pytest.mark.parametrize(
    "found",
    [
        [],
        [python("3.6.8", "/usr/libexec/platform-python", "it runs the agent")],
        [python("3.6.8", "/usr/local/bin/python3")],
    ],
)
def test_launcher_that_found_no_python_proves_it(found: list[Interpreter]) -> None:
    """An older launcher looks into /usr/bin alone, whatever runs the agent."""
    assert "exit code 3" in (interpreter_failure(found, handler(exit_code=3), OLDEST) or "")


def test_python_that_every_launcher_finds_is_newer_than_the_message() -> None:
    """It was installed since."""
    assert interpreter_failure([python("3.9.2")], handler(exit_code=3), OLDEST) is None


@pytest.mark.parametrize("at_work", [None, handler(), handler(last=BARE), handler(last=wrote("1.0.9111.0", "3.9.2"))])
def test_guest_without_any_python_fails(at_work: Handler | None) -> None:
    """Nothing says that this version ever ran."""
    assert "no python" in (interpreter_failure([], at_work, OLDEST) or "")


def test_version_that_ran_finds_its_python() -> None:
    """That of the agent, which does not run now."""
    assert interpreter_failure([], handler(last=wrote("1.0.9220.0", "3.6.8")), OLDEST) is None


@pytest.mark.parametrize("found", [[python(None)], [P313, python(None)]])
def test_python_that_tells_no_version_is_unreadable(found: list[Interpreter]) -> None:
    """It may be fit."""
    with pytest.raises(Unreadable, match="no version"):
        support_failure(found, handler("1.0.9225.0"), OLDEST)


def test_python_older_than_any_fails() -> None:
    """No launcher names it, and it may be what runs the agent."""
    assert "supports Python 2.6 and newer" in (support_failure([python("2.4.3")], handler(), OLDEST) or "")


def test_guest_that_was_never_backed_up() -> None:
    """Nothing is installed yet: 3.12 is for the first backup to show, under 3.13 versions are known to fail."""
    with pytest.raises(NotApplicable):
        interpreter_failure([P312], None, OLDEST)
    with pytest.raises(Undetermined, match="first backup"):
        interpreter_failure([P313], None, OLDEST)


@pytest.mark.parametrize(("found", "needed"), [([python("3.9.2")], False), ([P312], True), ([P38], True), ([], True)])
def test_health_is_asked_for_where_it_counts(found: list[Interpreter], needed: bool) -> None:  # noqa: FBT001  # a table
    """A damaged report troubles no guest whose Python is fit for every launcher."""
    assert needs_health(found, OLDEST) is needed
