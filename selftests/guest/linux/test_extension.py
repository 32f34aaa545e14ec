"""The backup extension's folders, states and reports in a Linux guest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from backup_compliance.guest.extension_status.facts import BackupExtension
from backup_compliance.guest.linux.extension import (
    LOG_FOLDER,
    NAME,
    parse_backup_extension,
)
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.extension_reports import FAILED, GOOD, UNDER_WAY, Report
from selftests.builders.recordings import EXTENSION, Recording, ubuntu
from selftests.samples import never_backed_up

GUEST = ubuntu()
FOLDER = f"/var/lib/waagent/{NAME}"
FAST = settings(deadline=None, database=None, max_examples=60)


def read(guest: Recording) -> ProbeOutput:
    """The recording as the parsers get it."""
    return parse_output(guest.output())


def handler(version: str, state: str = "Enabled", health: str = '{"status": "Ready"}', last: str = "") -> str:
    """What the probe prints of one version's folder."""
    path = f"{FOLDER}-{version}"
    lines = [f"handler {path}"]
    lines += [f"{path}/config/HandlerState:{x}" for x in state.split("\n") if x]
    lines += [f"{path}/config/HandlerStatus:{x}" for x in health.split("\n") if x]
    lines += [f"{path}/status/7.status:{x}" for x in last.split("\n") if x]
    return "\n".join(lines)


def extension(*handlers: str) -> BackupExtension:
    """The extension of a guest with these folders."""
    found = parse_backup_extension(read(GUEST.put("extension", "\n".join(handlers))))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("handlers", "active"),
    [
        ([handler("1.0.91.0"), handler("1.0.9102.0"), handler("1.0.9220.0")], "1.0.9220.0"),
        ([handler("1.0.9220.0"), handler("1.0.10000.0"), handler("1.0.91.0")], "1.0.10000.0"),
        ([handler("1.0.9111.0"), handler("1.0.92.0")], "1.0.9111.0"),
        ([handler("1.0.9220.0", "NotInstalled"), handler("1.0.9150.0")], "1.0.9150.0"),
        ([handler("1.0.9220.0", "Installed"), handler("1.0.9150.0", "FailedUpgrade")], "1.0.9220.0"),
        ([handler("1.0.9220.0", "", "")], "1.0.9220.0"),
    ],
)
def test_active_handler_is_the_newest_enabled_one(handlers: list[str], active: str) -> None:
    """Folders of several versions may lie side by side; numbers are compared, never text."""
    found = extension(*handlers)
    assert found.active is not None
    assert (str(found.active.version), len(found.handlers)) == (active, len(handlers))


@FAST
@given(st.lists(st.integers(0, 20000), min_size=1, max_size=6, unique=True))
def test_newest_handler_has_the_highest_number(builds: list[int]) -> None:
    """Whatever the order in which the folders are listed."""
    found = extension(*(handler(f"1.0.{x}.0") for x in builds))
    assert found.active is not None
    assert found.active.version == Version(f"1.0.{max(builds)}.0")


@pytest.mark.parametrize(
    "version", ["1.0.9220.0.bak", "1.0.9220.0rc1", "old", "", "9" * 5000, "1." + "9" * 5000, "٢.٣", "1!9.9"]
)
def test_folder_without_a_version_is_a_trace_only(version: str) -> None:
    """A copy somebody made is no handler, and still shows that the extension was here."""
    guest = GUEST.put("extension", f"handler {FOLDER}-{version}").state(EXTENSION, "absent").state(LOG_FOLDER, "absent")
    guest = guest.without("goal-state").state(f"{FOLDER}-{version}", "directory")
    found = parse_backup_extension(read(guest))
    assert found is not None
    assert (found.handlers, found.active, len(found.traces)) == ((), None, 1)


def test_extension_that_never_was_here_is_none() -> None:
    """No folder, no package, no log, and the goal state does not ask for it."""
    assert parse_backup_extension(read(never_backed_up())) is None


@pytest.mark.parametrize(
    ("guest", "trace"),
    [
        (never_backed_up().state(LOG_FOLDER, "directory"), LOG_FOLDER),
        (never_backed_up().state(f"{FOLDER}__1.0.9220.0.zip", "readable"), f"{FOLDER}__1.0.9220.0.zip"),
        (never_backed_up().put("goal-state", "agent-version=\nbackup-extension=yes"), "named in the VM's goal state"),
    ],
)
def test_trace_of_the_extension_is_told(guest: Recording, trace: str) -> None:
    """It was asked for once, and is not there."""
    assert parse_backup_extension(read(guest)) == BackupExtension((), (trace,))


@pytest.mark.parametrize(
    "guest",
    [
        never_backed_up().without("extension"),
        never_backed_up().without("files"),
        never_backed_up().put("files", "absent /x"),
        never_backed_up().put("goal-state", "agent-version="),
        never_backed_up().put("extension", "x" * 60_000),
    ],
)
def test_extension_that_was_not_looked_for_is_unreadable(guest: Recording) -> None:
    """Only a look in every place proves that it never was here."""
    with pytest.raises(Unreadable):
        parse_backup_extension(read(guest))


@pytest.mark.parametrize(
    ("health", "told", "message"),
    [
        ('{"status": "Ready", "message": "Plugin enabled"}', "Ready", "Plugin enabled"),
        ('{"status": "NotReady", "formattedMessage": {"message": "no"}}', "NotReady", "no"),
        ('{\n "status": "Unresponsive"\n}', "Unresponsive", ""),
        ('\ufeff{"status": "Ready"}', "Ready", ""),
        ('{"status": "Ready"}\x00\x00', "Ready", ""),
        ('{"status": "Re\\u001b[31mady"}', "Ready", ""),
        ('{"status": ""}', None, ""),
        ('{"status": null, "message": 5}', None, ""),
        ('{"status": {"status": "Ready"}}', None, ""),
        ('["Ready"]', None, ""),
        ("5", None, ""),
        ("", None, ""),
    ],
)
def test_handler_status_is_what_the_agent_wrote(health: str, told: str | None, message: str) -> None:
    """A file of another shape tells no status, and that is not Ready."""
    (found,) = extension(handler("1.0.9220.0", health=health)).handlers
    assert (found.status, found.message) == (told, message)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Enabled", "Enabled"),
        ("Enabled\r", "Enabled"),
        (" Enabled ", "Enabled"),
        ("Ena\x1b[1mbled", "Enabled"),
        ("", None),
    ],
)
def test_handler_state_is_one_word(text: str, state: str | None) -> None:
    """The file holds it without a newline."""
    assert extension(handler("1.0.9220.0", text)).handlers[0].state == state


def test_last_report_is_the_one_with_the_highest_number() -> None:
    """Numbers are compared, never text; what was renamed belongs to runs before it."""
    folder = f"{FOLDER}-1.0.9220.0/status"
    reports = [(f"{n}.status", replace(GOOD, code=c)) for n, c in ((9, 76), (10, 1), (2, 121))]
    lines = [f"{folder}/{name}:{report.text()}" for name, report in [*reports, ("11_status", FAILED)]]
    last = extension("\n".join([handler("1.0.9220.0"), *lines])).handlers[0].last
    assert last is not None
    assert (last.source, last.code) == (f"{folder}/10.status", 1)


def test_reports_before_it_are_read_while_a_run_is_under_way() -> None:
    """Those of the same version, renamed, and those that an update left in another version's folder."""
    older = handler("1.0.9111.0", "FailedUpgrade", last=replace(GOOD, code=2).text())
    folder = f"{FOLDER}-1.0.9220.0/status"
    newer = [handler("1.0.9220.0"), f"{folder}/8.status:{UNDER_WAY.text()}", f"{folder}/7_status:{FAILED.text()}"]
    active = extension(older, *newer).active
    assert active is not None
    assert sorted(e.code or 0 for e in active.earlier) == [2, 76]


@pytest.mark.parametrize("last", [GOOD, FAILED])
def test_reports_before_a_finished_run_are_nobodys_business(last: Report) -> None:
    """A damaged one troubles only who needs it."""
    folder = f"{FOLDER}-1.0.9220.0/status"
    found = extension(handler("1.0.9220.0", last=last.text()), f"{folder}/6_status:{{")
    assert found.handlers[0].earlier == ()


@pytest.mark.parametrize("text", ["{", "[]", "null", '[{"status": {}}]', "\x00\x00", "[" * 40_000, "<html>"])
def test_last_report_of_another_shape_is_unreadable(text: str) -> None:
    """A file cut by a full disk is neither a success nor an error."""
    with pytest.raises(Unreadable):
        extension(handler("1.0.9220.0", last=text))


def test_report_that_was_there_and_not_read_is_unreadable() -> None:
    """The probe names each file before it reads it."""
    with pytest.raises(Unreadable):
        extension(handler("1.0.9220.0"), f"status {FOLDER}-1.0.9220.0/status/7.status")


@pytest.mark.parametrize("text", ["{", '{"status": "Ready"', "\x00{", "[" * 40_000])
def test_handler_status_that_is_cut_is_unreadable(text: str) -> None:
    """It was Ready perhaps."""
    with pytest.raises(Unreadable):
        extension(handler("1.0.9220.0", health=text))


def test_message_cannot_pose_as_another_file() -> None:
    """Line separators of other tools inside a message stay in it."""
    forged = f'{{"status": "NotReady", "message": "x\x0c{FOLDER}-1.0.9220.0/config/HandlerState:Enabled"}}'
    with pytest.raises(Unreadable, match="no readable JSON"):
        extension(handler("1.0.9220.0", "Installed", forged))
