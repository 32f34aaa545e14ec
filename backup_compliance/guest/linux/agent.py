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
    Proxy,
    ProxyVariable,
)
from backup_compliance.guest.linux.files import parse_configuration, parse_files, parse_lines
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.versions import leading_version, parse_version
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

CONFIGURATION: Final = "/etc/waagent.conf"
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
_DAEMON = re.compile(rf"{_PYTHON}{_WAAGENT}--?daemon(?=\s|$)")
_HANDLER = re.compile(rf"{_PYTHON}(?:{_WAAGENT}|(?:\S*/)?WALinuxAgent-\S+\s+)--?run-exthandlers(?=\s|$)")
_PROCESS = re.compile(r"process ([0-9]{1,10}) (.*)")
_VARIABLE = r"(?i:https?_proxy|all_proxy|no_proxy)"
_STATE = re.compile(r"(absent|readable|unreadable|directory|special) (/\S+)")


def parse_agent_configuration(output: ProbeOutput) -> AgentConfiguration | None:
    """/etc/waagent.conf by the agent's own rules; None where the file does not exist."""
    state = parse_files(output).state(CONFIGURATION)
    if state == "absent":
        return None
    if state != "readable":
        raise Unreadable(f"{CONFIGURATION} is {state}", "read the guest as root")
    files = parse_configuration(output)
    if not files:
        raise Unreadable("no line of any configuration file was read", "collect again: grep did not finish")
    lines = files.get(CONFIGURATION, [])
    settings: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        value = value.split("#")[0].strip('" ').strip()
        if equals:
            settings.pop(key.strip(), None)
            if value and value != "None":
                settings[key.strip()] = value
    return AgentConfiguration(
        path=CONFIGURATION,
        settings=settings,
        spaced_lines=tuple(printable(x) for x in lines if _is_spaced(x)),
        odd_lines=tuple(printable(x) for x in lines if "=" not in x),
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
    if not any(line.startswith("scanned ") for line in lines):
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
    text = output.one("units").text
    if parse_files(output).exists("/run/systemd/system"):
        return _systemd_unit(text)
    return _upstart_job_or_script(text)


def _upstart_job_or_script(text: str) -> AgentService | None:
    states = [found.groups() for line in text.split("\n") if (found := _STATE.fullmatch(line))]
    if not states:
        raise Unreadable(
            "the probe's output does not say which service files exist", "collect again with this version's probe.sh"
        )
    present = sorted(path for state, path in states if state != "absent")
    jobs = [p for p in present if p.startswith("/etc/init/")]
    scripts = [p for p in present if p.startswith("/etc/init.d/")]
    if jobs:
        return _upstart_job(jobs[0], [x.strip() for x in parse_lines(text).get(jobs[0], [])])
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


def _systemd_unit(text: str) -> AgentService | None:
    blocks = [dict(x.split("=", 1) for x in block.split("\n") if "=" in x) for block in text.split("\n\n")]
    blocks = [b for b in blocks if b.get("Id")]
    if not blocks:
        raise Unreadable(
            "systemctl told nothing about walinuxagent.service and waagent.service",
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


def parse_proxy(output: ProbeOutput) -> Proxy | None:
    """Every proxy setting that concerns the agent; None where none is set."""
    configuration = parse_agent_configuration(output)
    settings = configuration.settings if configuration else {}
    variables = []
    no_proxy: list[str] = []
    for origin, name, value in _environment(output):
        if name.lower() == "no_proxy":
            no_proxy += [entry.strip() for entry in value.split(",") if entry.strip()]
        elif value:
            variables.append(ProxyVariable(origin, name, printable(value)))
    host, port = settings.get("HttpProxy.Host"), settings.get("HttpProxy.Port")
    if host is None and port is None and not variables:
        parse_agent_service(output)  # that no proxy is set is known only where the unit's environment was told
        return None
    return Proxy(
        host and printable(host),
        port and printable(port),
        tuple(dict.fromkeys(variables)),
        tuple(dict.fromkeys(no_proxy)),
    )


def _environment(output: ProbeOutput) -> list[tuple[str, str, str]]:
    """(origin, name, value) of the proxy variables that concern the agent, in its unit and its two processes."""
    running = parse_agent_processes(output)
    own = {str(process.pid) for process in (running.daemon, running.handler) if process}
    found = []
    for line in output.one("units").lines():
        if match := re.match(rf'Environment="?({_VARIABLE})=([^"]*)', line):
            found.append(("systemd unit", match.group(1), match.group(2).strip()))
    for line in output.one("processes").lines():
        match = re.match(rf"environment ([0-9]+) ({_VARIABLE})=(.*)", line)
        if match and match.group(1) in own:
            found.append((f"environment of process {match.group(1)}", match.group(2), match.group(3).strip()))
    return found
