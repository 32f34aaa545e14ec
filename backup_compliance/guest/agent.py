"""The Azure Linux Agent: configuration, processes, service, versions, proxy."""

from __future__ import annotations

import re
from typing import Final

from packaging.version import Version

from backup_compliance.guest.facts import (
    AgentConfiguration,
    AgentProcesses,
    AgentService,
    AgentVersion,
    GoalState,
    Process,
    Proxy,
    ProxyVariable,
)
from backup_compliance.guest.files import parse_configuration, parse_files, parse_lines
from backup_compliance.guest.output import ProbeOutput
from backup_compliance.untrusted import printable
from backup_compliance.verdicts import Unreadable

CONFIGURATION: Final = "/etc/waagent.conf"
RESTARTING: Final = frozenset({"always", "on-failure", "on-abnormal", "on-abort", "respawn"})
_BOOT_STATES: Final = frozenset({"enabled", "alias", "generated"})
_VERSION = re.compile(r"\d+(?:\.\d+){1,4}")
_DAEMON = re.compile(r"(?:\S*/)?(?:python[\d.]*\s+(?:-\S+\s+)*)?(?:\S*/)?waagent\s+-daemon\b")
_HANDLER = re.compile(
    r"(?:\S*/)?(?:python[\d.]*\s+(?:-\S+\s+)*)?(?:\S*/)?(?:waagent|WALinuxAgent-\S+)\s+-run-exthandlers\b"
)


def parse_version(text: str) -> Version | None:
    """The first dotted number in `text` (`b'2.2.20'`, `WALinuxAgent-2.14.0.1-py3.12.egg`), or None."""
    found = _VERSION.search(text)
    return Version(found.group()) if found else None


def parse_agent_configuration(output: ProbeOutput) -> AgentConfiguration | None:
    """/etc/waagent.conf by the agent's own rules; None where the file does not exist."""
    state = parse_files(output).state(CONFIGURATION)
    if state == "absent":
        return None
    if state != "readable":
        raise Unreadable(f"{CONFIGURATION} is {state}", "read the guest as root")
    lines = parse_configuration(output).get(CONFIGURATION, [])
    settings: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        value = value.split("#")[0].strip().strip('"').strip("'")
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
    """The extension takes `line.split()[0].split("=")`: no `=` in the first word ends its reading."""
    return "=" in line and ("=" not in line.split()[0] or re.search(r"=\s+\S", line) is not None)


def parse_agent_processes(output: ProbeOutput) -> AgentProcesses:
    """The daemon and the extension handler by their full command lines; decoys are told apart."""
    daemon = handler = None
    others = []
    lines = output.one("processes").text.splitlines()
    if not any(line.startswith("scanned ") for line in lines):
        raise Unreadable("the guest's processes were not read", "check that /proc is mounted and grep is there")
    for line in lines:
        word, _, rest = line.partition(" ")
        number, _, command = rest.partition(" ")
        if word != "process" or not number.isdigit():
            continue
        process = Process(int(number), printable(command))
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
    lines = [line.split(" ", 1) for line in text.splitlines() if line.count(" ") == 1]
    present = sorted(path for state, path in lines if state != "absent" and path.startswith("/"))
    jobs = [p for p in present if p.startswith("/etc/init/")]
    scripts = [p for p in present if p.startswith("/etc/init.d/")]
    if jobs:
        script = [x.strip() for x in parse_lines(text).get(jobs[0], [])]
        starts = next((x for x in script if x.startswith("start on")), None)
        restart = "respawn" if "respawn" in script else None
        return AgentService(
            "upstart",
            _stem(jobs[0]),
            None,
            starts is not None,
            starts or f"{jobs[0]} has no 'start on'",
            restart,
            jobs[0],
        )
    if scripts:
        links = [p for p in present if "/rc" in p or "/runlevels/" in p]
        return AgentService(
            "sysv",
            _stem(scripts[0]),
            None,
            bool(links),
            links[0] if links else "no start link in any runlevel",
            None,
            scripts[0],
        )
    return None


def _systemd_unit(text: str) -> AgentService | None:
    blocks = [dict(x.split("=", 1) for x in block.splitlines() if "=" in x) for block in text.split("\n\n")]
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
        masked = next((b for b in blocks if b.get("LoadState") == "masked"), None)
        if masked is None:
            return None
        return AgentService(
            "systemd", masked["Id"], masked.get("ActiveState"), False, "masked", None, masked.get("FragmentPath", "")
        )
    unit = loaded[0]
    state = unit.get("UnitFileState", "")
    if not state:
        raise Unreadable(
            f"systemctl does not tell the UnitFileState of {unit['Id']}", "check systemctl is-enabled on the guest"
        )
    return AgentService(
        manager="systemd",
        name=unit["Id"],
        active=unit.get("ActiveState"),
        starts_at_boot=state in _BOOT_STATES,
        boot_evidence=f"UnitFileState={state}",
        restart=unit.get("Restart"),
        path=unit.get("FragmentPath", ""),
    )


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".conf")


def parse_agent_version(output: ProbeOutput) -> AgentVersion | None:
    """The goal state agent's version; None where no agent is installed.

    `waagent --version` takes it from the running handler's command line, and so does the probe; only
    without one is the command itself asked. Very old agents print one line, the daemon's version.
    """
    part = output.one("version")
    running = part.pairs().get("running")
    if running is not None:
        name = re.search(r"WALinuxAgent-(\d+(?:\.\d+)*)", running)
        if name is None:
            raise Unreadable(f"the handler's command line names no version: {printable(running)}")
        return AgentVersion(Version(name.group(1)), printable(running), None)
    if part.text.strip() == "absent":
        return None
    goal = packaged = None
    for line in part.text.splitlines():
        if line.startswith("Goal state agent"):
            goal = parse_version(line)
        elif line.startswith("WALinuxAgent-"):
            packaged = parse_version(line)
    version = goal or packaged
    if version is None:
        raise Unreadable(
            f"waagent --version printed no version: {printable(part.text, 160)!r}", "run waagent --version on the guest"
        )
    return AgentVersion(version, "waagent --version", packaged)


def parse_goal_state(output: ProbeOutput) -> GoalState | None:
    """What the host address asks of this VM; None where it gave no goal state."""
    found = output.all("goal-state")
    if not found:
        return None
    pairs = found[0].pairs()
    return GoalState(parse_version(pairs.get("agent-version", "")), pairs.get("backup-extension") == "yes")


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
        return None
    return Proxy(
        host and printable(host),
        port and printable(port),
        tuple(dict.fromkeys(variables)),
        tuple(dict.fromkeys(no_proxy)),
    )


def _environment(output: ProbeOutput) -> list[tuple[str, str, str]]:
    """(origin, name, value) of proxy variables in the unit and in the running processes."""
    found = []
    for line in output.one("units").text.splitlines():
        if line.startswith("Environment=") and (match := re.match(r'Environment="?(\w+)=([^"]*)', line)):
            found.append(("systemd unit", match.group(1), match.group(2)))
    for line in output.one("processes").text.splitlines():
        if match := re.match(r"environment (\d+) (\w+)=(.*)", line):
            found.append((f"environment of process {match.group(1)}", match.group(2), match.group(3)))
    return found
