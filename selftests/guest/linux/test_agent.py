"""The Azure Linux Agent's configuration, processes, service, versions and proxy."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from backup_compliance.guest.facts import AgentConfiguration, AgentService, GoalState
from backup_compliance.guest.linux.agent import (
    is_agent_installed,
    parse_agent_configuration,
    parse_agent_processes,
    parse_agent_service,
    parse_agent_version,
)
from backup_compliance.guest.linux.goal_state import parse_goal_state
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.versions import exact_version, parse_version
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.recordings import CONF, EGG, Recording, ubuntu

FAST = settings(deadline=None, database=None, max_examples=200)
GUEST = ubuntu()
CONF_PATH = "/etc/waagent.conf"
NUMBERS = st.lists(st.integers(0, 99999), min_size=2, max_size=5)


def read(guest: Recording) -> ProbeOutput:
    """The recording as the parsers get it."""
    return parse_output(guest.output())


def configuration(lines: str) -> AgentConfiguration:
    """waagent.conf with `lines` in it."""
    found = parse_agent_configuration(read(GUEST.config(CONF_PATH, lines)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("WALinuxAgent-2.14.0.1-py3.12.egg", "2.14.0.1"),
        ("WALinuxAgent-2.2.45 running on ubuntu 18.04", "2.2.45"),
        ("Goal state agent: b'2.2.20'", "2.2.20"),
        ("Python 3.13.0rc1", "3.13.0"),
        ("v2.9", "2.9"),
        ("1.2.3.4.5.6.7", "1.2.3.4.5"),
        ("007.08", "7.8"),
        ("no number", None),
        ("42", None),
        ("2.", None),
        ("", None),
        ("9" * 5000 + ".1", None),
        ("1." + "9" * 5000, None),
        ("٢.٣", None),
        ("²·³", None),
        ("1234567890.1", None),
    ],
)
def test_version_is_the_first_dotted_number(text: str, version: str | None) -> None:
    """Numbers longer than any version, and digits of other scripts, are none."""
    assert parse_version(text) == (Version(version) if version else None)


@pytest.mark.parametrize("unit", ["9", "1.", "1.1.1.1.", "9 ", "."])
def test_version_takes_no_time_over_a_megabyte(unit: str) -> None:
    """A long line of digits must not stall the reader."""
    started = time.monotonic()
    parse_version(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("text", ["1.0.9220.0", "1.2", "1.2.3.4.5"])
def test_exact_version_is_numbers_and_dots(text: str) -> None:
    """The whole text is the version."""
    assert exact_version(text) == Version(text)


@pytest.mark.parametrize("text", ["", "1", "1.0.9220.0.bak", "1.0rc1", "1!2.0", "v1.0", "1.0 ", "1.2.3.4.5.6", "1..2"])
def test_exact_version_is_nothing_else(text: str) -> None:
    """What a folder name adds to a version makes it another folder."""
    assert exact_version(text) is None


@FAST
@given(NUMBERS, NUMBERS)
def test_versions_are_compared_as_numbers(one: list[int], other: list[int]) -> None:
    """Component by component, missing ones as zero; never as text."""
    first, second = (parse_version(".".join(map(str, x))) for x in (one, other))
    assert first is not None
    assert second is not None
    padded = [x + [0] * (5 - len(x)) for x in (one, other)]
    assert (first < second) == (padded[0] < padded[1])


def test_versions_of_the_extension_are_in_the_order_of_their_years() -> None:
    """2016, late 2016, 2017, 2024: as text 1.0.9111 would come before 1.0.92."""
    line = ["1.0.91.0", "1.0.92.0", "1.0.9102.0", "1.0.9111.0", "1.0.9220.0", "1.0.10000.0"]
    assert sorted(sorted(line), key=Version) == line


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ("A=y", {"A": "y"}),
        ("A = y ", {"A": "y"}),
        ("A=y # why", {"A": "y"}),
        ("A=y#why", {"A": "y"}),
        ('A="y"', {"A": "y"}),
        ('A=" y "', {"A": "y"}),
        ("A='y'", {"A": "'y'"}),
        ("A=None", {}),
        ("A=", {}),
        ("A=#", {}),
        ("A=n\nA=y", {"A": "y"}),
        ("A=y\nA=None", {}),
        ("A=b=c", {"A": "b=c"}),
        (" #A=y", {"#A": "y"}),
        ("# a note\n\nA=y", {"A": "y"}),
        ("A=y\r", {"A": "y"}),
        ("HttpProxy.Host=", {"HttpProxy.Host": ""}),
        ("A=" + "x" * 40_000, {"A": "x" * 40_000}),
    ],
)
def test_configuration_is_read_by_the_agents_own_rules(lines: str, settings: dict[str, str]) -> None:
    """The last of a key counts, `#` ends a value, double quotes go, None unsets."""
    assert configuration(lines).settings == settings


@pytest.mark.parametrize(
    "line",
    ["A = y", "A =y", "A= y", "HttpProxy.Host =\t10.0.0.5", " # a note: see a=b", "A\t=y"],
)
def test_spaced_line_is_one_that_the_extension_stumbles_over(line: str) -> None:
    """Its own parser takes the first word of a line and wants the value in it."""
    assert configuration(f"B=y\n{line}").spaced_lines == (" ".join(line.split()),)


@pytest.mark.parametrize("line", ["A=y", "  A=y", "A=y # see x = y", "A=y # B= z", "A=", "A= # unset", "A=b c"])
def test_line_without_space_around_its_sign_is_not_spaced(line: str) -> None:
    """Spaces elsewhere do no harm."""
    assert configuration(line).spaced_lines == ()


@pytest.mark.parametrize("line", ["<html>\x1b[1m", "nonsense", "[section]", "\x00\x00\x00", "=y", "A\x00B=y", "2.A=y"])
def test_line_that_is_no_setting_makes_the_configuration_unreadable(line: str) -> None:
    """The agent skips it; whether it was a setting before the reading was damaged cannot be told."""
    with pytest.raises(Unreadable, match="a line that is no setting"):
        configuration(f"A=y\n{line}")


@pytest.mark.parametrize(
    ("value", "on"), [("y", True), ("Y", True), ("n", False), ("N", False), ("yes", None), ("0", None), ("", None)]
)
def test_switch_is_y_or_n_or_its_default(value: str, on: bool | None) -> None:  # noqa: FBT001  # a table's column
    """The agent takes anything else for its default."""
    found = configuration(f"A={value}")
    assert [found.switch("A", default=d) for d in (True, False)] == ([True, False] if on is None else [on, on])


def test_configuration_that_does_not_exist_is_none() -> None:
    """The probe says that the file is absent."""
    assert parse_agent_configuration(read(GUEST.config(CONF_PATH, None))) is None


def test_configuration_of_comments_only_has_no_settings() -> None:
    """The probe leaves comments out; other files still show that it read."""
    kept = [x for x in GUEST.parts["config"].split("\n") if not x.startswith(CONF_PATH)]
    found = parse_agent_configuration(read(GUEST.put("config", "\n".join(kept))))
    assert found is not None
    assert found.settings == {}


@pytest.mark.parametrize(
    "guest",
    [
        GUEST.state(CONF_PATH, "unreadable"),
        GUEST.state(CONF_PATH, "directory"),
        GUEST.state(CONF_PATH, "special"),
        GUEST.without("files"),
        GUEST.without("config"),
        GUEST.put("files", ""),
        GUEST.put("config", ""),
        GUEST.put("config", CONF),
    ],
)
def test_configuration_that_was_not_read_is_unreadable(guest: Recording) -> None:
    """It is neither absent nor full of defaults."""
    with pytest.raises(Unreadable):
        parse_agent_configuration(read(guest))


DAEMONS = [
    "/usr/bin/python3 -u /usr/sbin/waagent -daemon",
    "/usr/bin/python3.6 -u /usr/sbin/waagent -daemon",
    "/usr/libexec/platform-python -u /usr/sbin/waagent -daemon",
    "/usr/bin/python -u /usr/sbin/waagent -daemon",
    "python /usr/sbin/waagent -daemon",
    "/usr/share/oem/python/bin/python /usr/share/oem/bin/waagent -daemon",
    "/usr/sbin/waagent -daemon",
    "waagent --daemon",
    "/usr/bin/python3 -u /usr/sbin/waagent -verbose -daemon",
    "/usr/bin/python3 -u /usr/sbin/waagent -daemon -configuration-path:/etc/waagent.conf",
    "/usr/bin/python3 -u /usr/sbin/waagent -daemon ",
]
HANDLERS = [
    EGG,
    "python3 -u bin/WALinuxAgent-2.8.0.11-py2.7.egg -run-exthandlers",
    "/usr/libexec/platform-python -u bin/WALinuxAgent-2.11.1.4-py3.9.egg -run-exthandlers",
    "python -u /var/lib/waagent/WALinuxAgent-2.2.0/bin/WALinuxAgent-2.2.0-py2.7.egg -run-exthandlers",
    "/usr/bin/python3 -u /usr/sbin/waagent -run-exthandlers",
]
DECOYS = [
    "python3 /var/lib/waagent/Example.Monitoring-1.4/agent.py -daemon",
    "python3 /var/lib/waagent/Example.Monitoring-1.4/waagent -daemon",
    "/var/lib/waagent/decoy/waagent -run-exthandlers",
    "python3 /opt/waagent-watch.py -daemon",
    "vim /usr/sbin/waagent -daemon",
    "grep waagent -daemon",
    "sudo /usr/sbin/waagent -daemon",
    "/usr/sbin/waagent -daemonize",
    "/usr/sbin/notwaagent -daemon",
    "/usr/sbin/waagent -deprovision -x-daemon",
    "tail -f /var/log/waagent.log -run-exthandlers",
    "/usr/sbin/waagent -run-exthandlers-later",
    "",
]


@pytest.mark.parametrize("command", DAEMONS)
def test_daemon_is_known_by_its_command_line(command: str) -> None:
    """Distributions start it with interpreters of their own."""
    found = parse_agent_processes(read(GUEST.put("processes", f"scanned 9\nprocess 7 {command}")))
    assert found.daemon is not None
    assert (found.daemon.pid, found.daemon.command, found.handler) == (7, command.strip(), None)


@pytest.mark.parametrize("command", HANDLERS)
def test_handler_is_known_by_its_command_line(command: str) -> None:
    """An egg of a version, or the installed agent itself."""
    found = parse_agent_processes(read(GUEST.put("processes", f"scanned 9\nprocess 8 {command}")))
    assert found.handler is not None
    assert (found.handler.pid, found.daemon) == (8, None)


@pytest.mark.parametrize("command", DECOYS)
def test_decoy_is_no_process_of_the_agent(command: str) -> None:
    """Extensions live under /var/lib/waagent, and its name is in many command lines."""
    found = parse_agent_processes(read(GUEST.put("processes", f"scanned 9\nprocess 9 {command}")))
    assert (found.daemon, found.handler, len(found.others)) == (None, None, 1)


def test_first_of_several_daemons_counts() -> None:
    """A restart may show two for a moment."""
    found = parse_agent_processes(
        read(GUEST.put("processes", "scanned 9\n" + "\n".join(f"process {i} {DAEMONS[0]}" for i in (5, 6))))
    )
    assert found.daemon is not None
    assert (found.daemon.pid, len(found.others)) == (5, 0)


@pytest.mark.parametrize(
    "line",
    [
        "process",
        "process 1",
        "process x y",
        "process ² /usr/sbin/waagent -daemon",
        f"process {'9' * 5000} x",
        "proc 1 x",
    ],
)
def test_line_that_is_no_process_is_damage(line: str) -> None:
    """It may have been the agent's."""
    with pytest.raises(Unreadable, match="part 'processes'"):
        parse_agent_processes(read(GUEST.put("processes", f"scanned 9\n{line}")))


@pytest.mark.parametrize("unit", ["/", "python -a ", "-a ", "waagent ", "/var/lib/waagent/", "python/"])
def test_processes_take_no_time_over_a_long_command(unit: str) -> None:
    """Backtracking ends at the length that the probe sends."""
    started = time.monotonic()
    parse_agent_processes(read(GUEST.put("processes", f"scanned 9\nprocess 1 {unit * (900_000 // len(unit))}")))
    assert time.monotonic() - started < 3


def test_processes_that_were_not_listed_are_unreadable() -> None:
    """An empty list is one, a missing one is not."""
    with pytest.raises(Unreadable):
        parse_agent_processes(read(GUEST.without("processes")))


def unit(name: str, **properties: str) -> str:
    """What `systemctl show` prints of one unit."""
    told = {
        "Restart": "always",
        "Id": f"{name}.service",
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "FragmentPath": f"/usr/lib/systemd/system/{name}.service",
        "UnitFileState": "enabled",
    }
    return "\n".join(f"{k}={v}" for k, v in {**told, **properties}.items() if v != "untold")


MISSING = {
    "LoadState": "not-found",
    "ActiveState": "inactive",
    "FragmentPath": "",
    "UnitFileState": "",
    "Restart": "no",
}


def service(text: str) -> AgentService | None:
    """The service on a guest with systemd."""
    return parse_agent_service(read(GUEST.put("units", text)))


@pytest.mark.parametrize(
    ("text", "name", "boot", "restart"),
    [
        (f"{unit('walinuxagent')}\n\n{unit('waagent', **MISSING)}", "walinuxagent.service", True, "always"),
        (f"{unit('walinuxagent', **MISSING)}\n\n{unit('waagent')}", "waagent.service", True, "always"),
        (f"{unit('walinuxagent')}\n\n{unit('walinuxagent')}", "walinuxagent.service", True, "always"),
        (
            f"{unit('walinuxagent', ActiveState='inactive', UnitFileState='disabled')}\n\n{unit('waagent')}",
            "waagent.service",
            True,
            "always",
        ),
        # of two loaded units the one that runs speaks, though it does not start at boot and the other does
        (
            f"{unit('walinuxagent', ActiveState='inactive')}\n\n{unit('waagent', UnitFileState='disabled', Restart='no')}",
            "waagent.service",
            False,
            "no",
        ),
        (
            f"{unit('walinuxagent', UnitFileState='disabled', Restart='no')}\n\n{unit('waagent', ActiveState='failed')}",
            "walinuxagent.service",
            False,
            "no",
        ),
        # where neither runs, the one that starts at boot
        (
            f"{unit('walinuxagent', ActiveState='failed', UnitFileState='disabled')}\n\n{unit('waagent', ActiveState='inactive')}",
            "waagent.service",
            True,
            "always",
        ),
        (f"{unit('waagent')}\nNRestarts=3", "waagent.service", True, "always"),
        (unit("waagent", UnitFileState="disabled"), "waagent.service", False, "always"),
        (unit("waagent", UnitFileState="static"), "waagent.service", False, "always"),
        (unit("waagent", UnitFileState="enabled-runtime"), "waagent.service", False, "always"),
        (unit("waagent", UnitFileState="alias"), "waagent.service", True, "always"),
        (unit("waagent", UnitFileState="generated", Restart="no"), "waagent.service", True, "no"),
        (unit("waagent", Restart="on-failure"), "waagent.service", True, "on-failure"),
        (unit("waagent", LoadState="masked", UnitFileState="masked"), "waagent.service", False, None),
        (unit("waagent", LoadState="bad-setting"), "waagent.service", False, None),
        (unit("waagent", LoadState="error"), "waagent.service", False, None),
        (unit("waagent").replace("\n", "\r\n"), "waagent.service", True, "always"),
    ],
)
def test_unit_tells_boot_and_restart(text: str, name: str, boot: bool, restart: str | None) -> None:  # noqa: FBT001
    """The unit that is loaded and runs speaks for the agent, whichever of its two names it has."""
    found = service(text)
    assert found is not None
    assert (found.manager, found.name, found.starts_at_boot, found.restart) == ("systemd", name, boot, restart)


def test_units_that_are_not_found_are_none() -> None:
    """Neither name is known to systemd."""
    assert service(f"{unit('walinuxagent', **MISSING)}\n\n{unit('waagent', **MISSING)}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Failed to connect to bus: No such file or directory",
        unit("waagent", Id="untold"),
        unit("waagent", LoadState="untold"),
        unit("waagent", UnitFileState=""),
        unit("waagent", UnitFileState="untold"),
        unit("waagent", Restart="untold"),
        "Id=waagent.service",
        "Id=waagent.service\nLoadState=loaded\nUnitFile",
        f"{unit('waagent')}\nRest\x00art=no",
        f"{unit('waagent')}\nand so on",
        f"{unit('walinuxagent')}\n\n{unit('waagent', Id='untold')}",
    ],
)
def test_unit_that_was_not_told_is_unreadable(text: str) -> None:
    """A cut answer of systemctl is not an agent without a service."""
    with pytest.raises(Unreadable):
        service(text)


def old_service(*lines: str) -> AgentService | None:
    """The service on a guest without systemd."""
    paths = ["/etc/init.d/walinuxagent", "/etc/init.d/waagent", "/etc/init/walinuxagent.conf", "/etc/init/waagent.conf"]
    absent = [f"absent {p}" for p in paths if f"readable {p}" not in lines]
    guest = GUEST.state("/run/systemd/system", "absent").put("units", "\n".join([*absent, *lines]))
    return parse_agent_service(read(guest))


JOB = "/etc/init/walinuxagent.conf"


@pytest.mark.parametrize(
    ("lines", "manager", "boot", "restart"),
    [
        ((f"readable {JOB}", f"{JOB}:start on runlevel [2345]", f"{JOB}:respawn"), "upstart", True, "respawn"),
        ((f"readable {JOB}", f"{JOB}:  start on started ssh", f"{JOB}:exec waagent -daemon"), "upstart", True, None),
        ((f"readable {JOB}", f"{JOB}:respawn limit 5 60"), "upstart", False, None),
        ((f"readable {JOB}", "readable /etc/init.d/waagent", f"{JOB}:start on x"), "upstart", True, None),
        (("readable /etc/init.d/waagent", "readable /etc/rc3.d/S15waagent"), "sysv", True, None),
        (("readable /etc/init.d/waagent", "readable /etc/rc.d/rc3.d/S15waagent"), "sysv", True, None),
        (("readable /etc/init.d/waagent", "readable /etc/runlevels/default/waagent"), "sysv", True, None),
        (("readable /etc/init.d/waagent", "absent /etc/rc[2-5].d/S*waagent"), "sysv", False, None),
    ],
)
def test_older_service_managers_tell_boot_and_restart(
    lines: tuple[str, ...],
    manager: str,
    boot: bool,  # noqa: FBT001  # a table's column
    restart: str | None,
) -> None:
    """Jobs of upstart respawn, SysV and OpenRC scripts do not."""
    found = old_service(*lines)
    assert found is not None
    assert (found.manager, found.starts_at_boot, found.restart) == (manager, boot, restart)


def test_guest_without_any_service_file_has_no_service() -> None:
    """All four places were looked at."""
    assert old_service() is None


@pytest.mark.parametrize(
    "guest",
    [
        GUEST.state("/run/systemd/system", "absent").put("units", ""),
        GUEST.state("/run/systemd/system", "absent").put("units", unit("waagent")),
        GUEST.state("/run/systemd/system", "absent").put("units", f"readable {JOB}"),
        GUEST.without("units"),
        GUEST.put("files", "readable /etc/waagent.conf"),
    ],
)
def test_service_files_that_were_not_listed_are_unreadable(guest: Recording) -> None:
    """Nothing said is not nothing there."""
    with pytest.raises(Unreadable):
        parse_agent_service(read(guest))


@pytest.mark.parametrize(
    ("text", "version", "packaged"),
    [
        (f"running={EGG}", "2.15.0.1", None),
        ("running=python3 -u bin/WALinuxAgent-2.8.0.11-py2.7.egg -run-exthandlers", "2.8.0.11", None),
        ("running=python /var/lib/waagent/WALinuxAgent-2.2.0/bin/WALinuxAgent-2.2.0-py2.7.egg -run-exthandlers", "2.2.0", None),
        ("WALinuxAgent-2.2.46 running on ubuntu 22.04\nPython: 3.10.12\nGoal state agent: 2.14.0.1\nexit=0", "2.14.0.1", "2.2.46"),
        ("WALinuxAgent-2.2.14 running on debian 8.10\nPython: 3.4.2\nGoal state agent: b'2.2.20'\nexit=0", "2.2.20", "2.2.14"),
        ("WALinuxAgent-2.0.16 running on centos 6.5\nexit=0", "2.0.16", "2.0.16"),
        ("locale: cannot set LC_ALL\nWALinuxAgent-2.7.3.0 running on x\nGoal state agent: 2.7.3.0\n", "2.7.3.0", "2.7.3.0"),
    ],
)  # fmt: skip
def test_version_of_the_agent_is_that_of_its_handler(text: str, version: str, packaged: str | None) -> None:
    """The packaged daemon is often old; only very old agents name nothing else."""
    found = parse_agent_version(read(GUEST.put("version", text)))
    assert found is not None
    assert found.goal_state == Version(version)
    assert found.packaged == (Version(packaged) if packaged else None)


def test_agent_that_is_not_installed_has_no_version() -> None:
    """The probe found no command to ask."""
    output = read(GUEST.put("version", "absent"))
    assert parse_agent_version(output) is None
    assert not is_agent_installed(output)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\nexit=124", "did not end within 5 seconds"),
        (
            "timeout: failed to run command '/usr/sbin/waagent': No such file or directory\nexit=127",
            "cannot be started",
        ),
    ],
)
def test_version_says_why_it_was_not_told(text: str, reason: str) -> None:
    """A guest that is too busy and an agent without its Python are different things to mend."""
    output = read(GUEST.put("version", text))
    with pytest.raises(Unreadable, match=reason):
        parse_agent_version(output)
    assert is_agent_installed(output)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exit=0",
        "Traceback (most recent call last):\nModuleNotFoundError: No module named 'imp' 3.12\nexit=0",
        "running=",
        "running=python3 -u bin/WALinuxAgent-x-py3.12.egg -run-exthandlers",
        f"running=python3 -u bin/WALinuxAgent-{'9' * 5000}.1 -run-exthandlers",
        "running=python3 -u bin/WALinuxAgent-٢.٣ -run-exthandlers",
        "running=/home/mallory/fake WALinuxAgent-9.9.9.9 -run-exthandlers",
        "WALinuxAgent-2.2.46 running on x\nGoal state agent: unknown\nexit=0",
        "Goal state agent:\nexit=0",
    ],
)
def test_version_that_was_not_told_is_unreadable(text: str) -> None:
    """Neither an absent agent nor, from a decoy's command line, a new one."""
    with pytest.raises(Unreadable):
        parse_agent_version(read(GUEST.put("version", text)))


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (
            "agent-version=2.15.0.1\nbackup-extension=yes",
            GoalState(Version("2.15.0.1"), backup_extension_requested=True),
        ),
        ("agent-version=\nbackup-extension=no", GoalState(None, backup_extension_requested=False)),
    ],
)
def test_goal_state_is_what_the_host_address_asks(text: str, state: GoalState) -> None:
    """A version is asked of some VMs only."""
    assert parse_goal_state(read(GUEST.put("goal-state", text))) == state


def test_goal_state_that_was_not_given_is_none() -> None:
    """The host address did not answer; AVB-103 says so."""
    assert parse_goal_state(read(GUEST.without("goal-state"))) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "agent-version=2.15.0.1",
        "backup-extension=",
        "backup-extension=maybe",
        "backup-extension=yes",
        "agent-version=2.x\nbackup-extension=yes",
    ],
)
def test_goal_state_that_was_cut_is_unreadable(text: str) -> None:
    """It does not say that no backup was asked for."""
    with pytest.raises(Unreadable):
        parse_goal_state(read(GUEST.put("goal-state", text)))
