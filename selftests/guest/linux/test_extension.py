"""The backup extension's folders, states and last status, and the interpreter it would start."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from backup_compliance.guest.extension_status.facts import BackupExtension
from backup_compliance.guest.linux.extension import (
    LOG_FOLDER,
    NAME,
    exit_code_meaning,
    parse_backup_extension,
    parse_interpreter,
)
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.verdicts import Unreadable
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


def status(**told: Any) -> str:
    """A status file."""
    return json.dumps([{"version": "1.0", "timestampUTC": "2026-11-22T22:04:11Z", "status": told}])


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


@pytest.mark.parametrize(
    ("text", "told", "code", "message"),
    [
        (status(status="success", code=1, formattedMessage={"lang": "en", "message": "done"}), "success", 1, "done"),
        (status(status="Error", code="76", formattedMessage={"message": "x" * 400}), "error", 76, "x" * 299 + "…"),
        (status(status="transitioning"), "transitioning", None, ""),
        (status(status="warning", code=-5), "warning", -5, ""),
        (status(status="error", code=True), "error", None, ""),
        (status(status="error", code=1.5), "error", None, ""),
        (status(status="error", code="²"), "error", None, ""),
        (status(status="error", code="9" * 5000), "error", None, ""),
        (status(status="error", code=[1]), "error", None, ""),
        (status(status="error", code=10**12), "error", None, ""),
        (status(status="error", formattedMessage="text", message="m"), "error", None, "m"),
        (status(status="error", formattedMessage={"message": ["a"]}), "error", None, ""),
        (json.dumps(json.loads(status(status="success")), indent=1), "success", None, ""),
    ],
)
def test_last_status_is_what_the_handler_wrote(text: str, told: str, code: int | None, message: str) -> None:
    """Numbers come as numbers or as text; other types are no code and no message."""
    last = extension(handler("1.0.9220.0", last=text)).handlers[0].last
    assert last is not None
    assert (last.status, last.code, last.message, last.time) == (told, code, message, "2026-11-22T22:04:11Z")


@pytest.mark.parametrize("time", [None, 5, {"a": 1}, []])
def test_time_of_another_type_is_none(time: object) -> None:
    """The status still counts."""
    text = json.dumps([{"timestampUTC": time, "status": {"status": "success"}}])
    last = extension(handler("1.0.9220.0", last=text)).handlers[0].last
    assert last is not None
    assert last.time is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        "null",
        "[null]",
        '[{"status": "success"}]',
        '[{"status": {}}]',
        '[{"status": {"status": null}}]',
        '[{"status": {"status": ""}}]',
        '[{"status": {"status": "fine"}}]',
        '[{"status": {"status": ["error"]}}]',
        '[{"status": {"status": {"status": "success"}}}]',
        '[{"status": {"status": "success"',
        "\x00\x00\x00\x00",
        "\ufffd",
        "[" * 40_000,
        '[{"status": {"status": ' + "[" * 900 + "]" * 900 + "}}]",
        '[{"status": {"status": "success", "code": ' + "9" * 5000 + "}}]",
        "<html>",
    ],
)
def test_last_status_of_another_shape_is_unreadable(text: str) -> None:
    """A file cut by a full disk is neither a success nor an error."""
    with pytest.raises(Unreadable):
        extension(handler("1.0.9220.0", last=text))


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


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (76, "no network"),
        (761, "restricted network"),
        (121, "fsfreeze failed"),
        (122, "fsfreeze timed out"),
        (124, "safefreeze"),
        (402, "too late"),
        (300, "script"),
        (318, "script"),
        (500, "workload"),
        (512, "workload"),
    ],
)
def test_exit_code_has_a_meaning(code: int, meaning: str) -> None:
    """The extension's own list."""
    assert meaning in exit_code_meaning(code)


@pytest.mark.parametrize("code", [None, 0, 1, 299, 319, 499, 513, -76])
def test_unknown_exit_code_has_none(code: int | None) -> None:
    """Nothing is made up."""
    assert exit_code_meaning(code) == ""


@pytest.mark.parametrize(
    ("text", "path", "version"),
    [
        ("path=/usr/bin/python3\nPython 3.12.3", "/usr/bin/python3", "3.12.3"),
        ("path=/usr/bin/python3.8\nPython 3.8.10\n", "/usr/bin/python3.8", "3.8.10"),
        ("path=/usr/bin/python2.7\nPython 2.7.18", "/usr/bin/python2.7", "2.7.18"),
        ("path=/usr/bin/python3\nPython 3.14.0rc2", "/usr/bin/python3", "3.14.0"),
        ("path=/usr/bin/python3\nPython 3.11.2+", "/usr/bin/python3", "3.11.2"),
        ("path=/usr/bin/python3\nwarning: locale 1.2\nPython 3.9.21\r", "/usr/bin/python3", "3.9.21"),
    ],
)
def test_interpreter_is_the_first_that_exists(text: str, path: str, version: str) -> None:
    """The version is what it says itself, not what its name says."""
    found = parse_interpreter(read(GUEST.put("python", text)))
    assert found is not None
    assert (found.path, found.version) == (path, Version(version))


def test_guest_without_an_interpreter_has_none() -> None:
    """The probe looked for every name of the launcher's list."""
    assert parse_interpreter(read(GUEST.put("python", "searched=/usr/bin /usr/local/bin"))) is None


@pytest.mark.parametrize(
    "guest",
    [
        GUEST.without("python"),
        GUEST.put("python", "path=/usr/bin/python3.8"),
        GUEST.put("python", "path=/usr/bin/python3\npyenv: python3: version `3.8.1' is not installed"),
        GUEST.put("python", "path=/usr/bin/python3\nPython"),
        GUEST.put("python", "path=/usr/bin/python3\nPython ..."),
        GUEST.put("python", f"path=/usr/bin/python3\nPython {'9' * 5000}.1"),
    ],
)
def test_interpreter_that_does_not_tell_its_version_is_unreadable(guest: Recording) -> None:
    """One that does not start is not one that the extension can use."""
    with pytest.raises(Unreadable):
        parse_interpreter(read(guest))
