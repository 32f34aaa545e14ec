"""The Azure Linux Agent: configuration, processes, service, versions, proxy."""

from __future__ import annotations

import re
from typing import Final

from backup_compliance.guest.facts import (
    AgentConfiguration,
    AgentProcesses,
    AgentService,
    AgentVersion,
    Process,
)
from backup_compliance.guest.linux.agent_layouts import DEFAULT, parse_layout
from backup_compliance.guest.linux.files import parse_configuration, parse_files, parse_lines
from backup_compliance.guest.probe_output import RECOLLECT_WITH_THIS_PROBE, Part, ProbeOutput
from backup_compliance.guest.versions import leading_version, parse_version
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, NotAsked, Unreadable

RESTARTING: Final = frozenset({"always", "on-failure", "on-abnormal", "on-abort", "respawn", "restart"})
_BOOT_STATES: Final = frozenset({"enabled", "alias", "generated"})
# timeout(1) and POSIX sh: ended after its time, not executable, not found (its interpreter is missing).
_UNANSWERED: Final = {
    **dict.fromkeys(("124", "143"), "did not end within 5 seconds: the guest is too busy, or the agent hangs"),
    **dict.fromkeys(("126", "127"), "cannot be started: the agent is there, and its Python is missing"),
}
COMMAND_LIMIT: Final = 2000
"""Characters of a command line that are looked at; the probe sends 400 bytes."""

_PYTHON = r"(?:(?:\S*/)?(?:platform-)?python[0-9.]*\s+(?:-\S+\s+)*)?"  # platform-python: RHEL 8
_WAAGENT = r"(?!/var/lib/waagent/)(?:\S*/)?waagent\s+(?:-\S+\s+)*?"  # extensions live there
_SETTING = re.compile(r"[ \t]*(?:#.*|[A-Za-z][A-Za-z0-9_.-]{0,80}[ \t]*=.*|[ \t\r]*)")
_DAEMON = re.compile(rf"{_PYTHON}{_WAAGENT}--?daemon(?=\s|$)")
_HANDLER = re.compile(rf"{_PYTHON}(?:{_WAAGENT}|(?:\S*/)?WALinuxAgent-\S+\s+)--?run-exthandlers(?=\s|$)")
_PROCESS = re.compile(r"process ([0-9]{1,10}) (.*)")
_PROPERTY = re.compile(r"[A-Za-z]{1,60}=.*")
_STATE = re.compile(r"(absent|readable|unreadable|directory|special) (/\S+)")


def parse_agent_configuration(output: ProbeOutput) -> AgentConfiguration | None:
    """The agent's configuration by the agent's own rules; None where the file does not exist."""
    path = parse_layout(output).configuration
    states = parse_files(output).states
    if output.revision < 2 and path != DEFAULT.configuration and path not in states:
        raise NotAsked(f"the probe of this recording did not ask for {path}, where this agent is configured", RECOLLECT)
    state = parse_files(output).state(path)
    if state == "absent":
        return None
    if state != "readable":
        raise Unreadable(f"{path} is {state}", "read the guest as root")
    files = parse_configuration(output)
    if not files:
        raise Unreadable("no line of any configuration file was read", "collect again: grep did not finish")
    lines = files.get(path, [])
    damaged = next((x for x in lines if not _SETTING.fullmatch(x)), None)
    if damaged is not None:
        raise Unreadable(
            f"{path} holds a line that is no setting: {printable(damaged, 80)!r}", "repair or remove that line"
        )
    settings: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        value = value.split("#")[0].strip('" ').strip()
        if equals:
            settings.pop(key.strip(), None)
            # an empty host is one to the agent, which then does not ask its environment
            if (value or key.strip() == "HttpProxy.Host") and value != "None":
                settings[key.strip()] = value
    return AgentConfiguration(
        path=path,
        settings=settings,
        spaced_lines=tuple(printable(x) for x in lines if _is_spaced(x)),
    )


def _is_spaced(line: str) -> bool:
    """The extension takes `line.split()[0].split("=")`: no `=` in the first word ends its reading.

    One after the `=` leaves it an empty value.
    """
    return "=" in line and ("=" not in line.split()[0] or re.match(r"[^=]*=\s+[^\s#]", line) is not None)


def parse_agent_processes(output: ProbeOutput) -> AgentProcesses:
    """The daemon and the extension handler by their full command lines; decoys are told apart."""
    daemon = handler = None
    others = []
    lines = output.one("processes").lines()
    if not any(re.fullmatch("scanned [0-9]{1,10}", line) for line in lines):
        raise Unreadable("the guest's processes were not read", "check that /proc is mounted and grep is there")
    for line in lines:
        found = _PROCESS.fullmatch(line)
        if found is None:
            continue
        command = found.group(2)[:COMMAND_LIMIT]
        process = Process(int(found.group(1)), printable(command))
        if _DAEMON.match(command):
            daemon = daemon or process
        elif _HANDLER.match(command):
            handler = handler or process
        else:
            others.append(process)
    return AgentProcesses(daemon, handler, tuple(others))


def parse_agent_service(output: ProbeOutput) -> AgentService | None:
    """The agent's unit, upstart job or SysV script; None where the service manager knows none."""
    part = output.one("units")
    if parse_files(output).exists("/run/systemd/system"):
        return _systemd_unit(part)
    return _upstart_job_or_script(part)


def _upstart_job_or_script(part: Part) -> AgentService | None:
    states = [found.groups() for line in part.lines() if (found := _STATE.fullmatch(line))]
    if not states:
        raise Unreadable("the probe's output does not say which service files exist", RECOLLECT_WITH_THIS_PROBE)
    present = sorted(path for state, path in states if state != "absent")
    jobs = [p for p in present if p.startswith("/etc/init/")]
    scripts = [p for p in present if p.startswith("/etc/init.d/")]
    if jobs:
        return _upstart_job(jobs[0], [x.strip() for x in parse_lines(part.text).get(jobs[0], [])])
    if not scripts:
        return None
    links = [p for p in present if "/rc" in p or "/runlevels/" in p]
    return AgentService(
        manager="sysv",
        name=_stem(scripts[0]),
        active=None,
        starts_at_boot=bool(links),
        boot_evidence=links[0] if links else "no start link in any runlevel",
        restart=None,
        path=scripts[0],
    )


def _upstart_job(path: str, lines: list[str]) -> AgentService:
    if not lines:
        raise Unreadable(f"no line of {path} was read", "look at the file on the guest")
    starts = next((x for x in lines if x.startswith("start on")), None)
    return AgentService(
        manager="upstart",
        name=_stem(path),
        active=None,
        starts_at_boot=starts is not None,
        boot_evidence=printable(starts or f"{path} has no 'start on'"),
        restart="respawn" if "respawn" in lines else None,
        path=path,
    )


def _systemd_unit(part: Part) -> AgentService | None:
    damaged = next((x for x in part.lines() if x.strip() and not _PROPERTY.fullmatch(x)), None)
    if damaged is not None:
        raise part.damaged(damaged)
    blocks = [dict(x.split("=", 1) for x in b.split("\n") if x.strip()) for b in part.text.split("\n\n") if b.strip()]
    if not blocks or not all(b.get("Id") for b in blocks):
        raise Unreadable(
            f"systemctl told nothing about {' and '.join(f'{unit}.service' for unit in DEFAULT.units)}",
            "check that systemd answers: systemctl show waagent.service",
        )
    loaded = [b for b in blocks if b.get("LoadState") == "loaded"]
    # Debian and Ubuntu show one unit under both names; the running one speaks for the agent.
    loaded.sort(key=lambda b: (b.get("ActiveState") != "active", b.get("UnitFileState") not in _BOOT_STATES))
    if not loaded:
        return _unloaded_unit(blocks)
    unit = loaded[0]
    untold = next((key for key in ("UnitFileState", "Restart") if not unit.get(key)), None)
    if untold:
        raise Unreadable(
            f"systemctl does not tell the {untold} of {printable(unit['Id'], 80)}",
            "check systemctl is-enabled on the guest",
        )
    return AgentService(
        manager="systemd",
        name=printable(unit["Id"], 80),
        active=unit.get("ActiveState"),
        starts_at_boot=unit["UnitFileState"] in _BOOT_STATES,
        boot_evidence=f"UnitFileState={printable(unit['UnitFileState'], 40)}",
        restart=printable(unit["Restart"], 40),
        path=printable(unit.get("FragmentPath", "")),
    )


def _unloaded_unit(blocks: list[dict[str, str]]) -> AgentService | None:
    """A unit that is there and cannot be loaded (masked, bad-setting, error); None where none is there."""
    if any(not b.get("LoadState") for b in blocks):
        raise Unreadable(
            "systemctl does not tell the LoadState of the agent's unit", "check systemctl show on the guest"
        )
    broken = next((b for b in blocks if b["LoadState"] != "not-found"), None)
    if broken is None:
        return None
    return AgentService(
        manager="systemd",
        name=printable(broken["Id"], 80),
        active=broken.get("ActiveState"),
        starts_at_boot=False,
        boot_evidence=printable(broken["LoadState"], 40),
        restart=None,
        path=printable(broken.get("FragmentPath", "")),
    )


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".conf")


def is_agent_installed(output: ProbeOutput) -> bool:
    """Whether a handler runs or there is a waagent command, even one that cannot be started."""
    return output.one("version").text.strip() != "absent"


def parse_agent_version(output: ProbeOutput) -> AgentVersion | None:
    """The goal state agent's version; None where no agent is installed.

    `waagent --version` takes it from the running handler's command line, and so does the probe; only
    without one is the command itself asked. Very old agents print one line, the daemon's version.
    """
    part = output.one("version")
    running = part.pairs().get("running")
    if running is not None:
        _, egg, name = running[:COMMAND_LIMIT].partition("WALinuxAgent-")
        number = leading_version(name) if egg and _HANDLER.match(running[:COMMAND_LIMIT]) else None
        if number is None:
            raise Unreadable(f"no command line of a handler that names its version: {printable(running)}")
        return AgentVersion(number, printable(running), None)
    if part.text.strip() == "absent":
        return None
    goal = packaged = None
    told = part.lines()
    for line in told:
        if line.startswith("Goal state agent"):
            goal = parse_version(line)
        elif line.startswith("WALinuxAgent-"):
            packaged = parse_version(line)
    version = goal if any(x.startswith("Goal state agent") for x in told) else packaged
    if version is None and (reason := _UNANSWERED.get(part.pairs().get("exit", ""))):
        raise Unreadable(f"waagent --version {reason}", "run waagent --version on the guest")
    if version is None:
        raise Unreadable(
            f"waagent --version printed no version: {printable(part.text, 160)!r}", "run waagent --version on the guest"
        )
    return AgentVersion(version, "waagent --version", packaged)
