"""The Pythons that the extension's launcher tries."""

from __future__ import annotations

import pytest
from packaging.version import Version

from backup_compliance.guest.extension_status.facts import Interpreter
from backup_compliance.guest.linux.interpreters import AGENT, parse_interpreters
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.recordings import Recording, ubuntu

GUEST = ubuntu().old()
SECOND = ubuntu()
SEARCHED = "searched=/usr/bin /usr/local/bin"
PLATFORM = GUEST.edit("processes", ("843 /usr/bin/python3", "843 /usr/libexec/platform-python"))


def read(guest: Recording) -> tuple[Interpreter, ...]:
    """What the parser makes of the recording."""
    return parse_interpreters(parse_output(guest.output()))


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
def test_version_is_what_it_says_itself(text: str, path: str, version: str) -> None:
    """Not what its name says."""
    found = read(GUEST.put("python", text))[0]
    assert (found.path, found.version) == (path, Version(version))


@pytest.mark.parametrize(
    "said",
    ["", "pyenv: python3: version `3.8.1' is not installed", "Python", "Python ...", f"Python {'9' * 5000}.1"],
)
def test_interpreter_that_does_not_tell_its_version_is_there_all_the_same(said: str) -> None:
    """The launcher tries it; whether another one is fit decides."""
    (found,) = read(GUEST.put("python", f"path=/usr/bin/python3\n{said}"))
    assert (found.path, found.version) == ("/usr/bin/python3", None)


def test_all_that_the_launcher_tries_are_told_in_its_order() -> None:
    """The list, `which python`, what runs the agent; one that is named twice is one."""
    text = f"{SEARCHED}\npath=/usr/bin/python3\nPython 3.13.5\nwhich=/opt/a/python\nPython 3.12.1\nagent=\nagent=/usr/libexec/platform-python\nPython 3.6.8\nagent=/usr/bin/python3"
    found = read(SECOND.put("python", text))
    assert [(i.path, str(i.version)) for i in found] == [
        ("/usr/bin/python3", "3.13.5"),
        ("/opt/a/python", "3.12.1"),
        ("/usr/libexec/platform-python", "3.6.8"),
    ]
    assert found[2].found == AGENT


@pytest.mark.parametrize(
    ("guest", "version"),
    [
        (PLATFORM, None),
        (PLATFORM.put("version", "WALinuxAgent-2.15\nPython: 3.6.8\nGoal state agent: 2.15.0.1\nexit=0"), "3.6.8"),
    ],
)
def test_agents_interpreter_is_known_from_its_processes(guest: Recording, version: str | None) -> None:
    """Recordings from before the probe asked for it; `waagent --version` tells its version."""
    (found,) = read(guest.put("python", SEARCHED))
    assert (found.path, found.found) == ("/usr/libexec/platform-python", AGENT)
    assert (str(found.version) if found.version else None) == version


@pytest.mark.parametrize(
    "processes",
    [
        "scanned 148",
        "process 1 python3 -u /usr/sbin/waagent -daemon",
        "process 1 /usr/bin/python3 /opt/other.py -daemon",
    ],
)
def test_guest_without_an_interpreter_has_none(processes: str) -> None:
    """The launcher takes what runs the agent only by a path, and only the agent's."""
    assert read(GUEST.put("python", SEARCHED).put("processes", processes)) == ()


@pytest.mark.parametrize(
    "guest",
    [
        GUEST.without("python"),
        GUEST.put("python", ""),
        SECOND.put("python", SEARCHED),
        SECOND.put("python", f"{SEARCHED}\npath=/usr/bin/python3\nPython 3.13.5"),
    ],
)
def test_places_that_were_not_looked_into_are_unreadable(guest: Recording) -> None:
    """A probe that tells its revision asks for the agent's interpreter, unless one before it is surely fit."""
    with pytest.raises(Unreadable):
        read(guest)


def test_list_ends_with_one_that_is_surely_fit() -> None:
    """Nothing after it would be tried."""
    (found,) = read(SECOND.put("python", f"{SEARCHED}\npath=/usr/bin/python3\nPython 3.11.2"))
    assert str(found.version) == "3.11.2"
