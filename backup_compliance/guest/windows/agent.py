"""The Windows VM agent: its two services as the registry and `sc query` tell them, and its version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from backup_compliance.guest.facts import AgentProcesses, AgentService, AgentVersion, Process
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.versions import parse_version
from backup_compliance.guest.windows.facts import WindowsService
from backup_compliance.guest.windows.output import RECOLLECT_AS_ADMINISTRATOR, key
from backup_compliance.guest.windows.registry import Key, damaged
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

AGENT_SERVICES: Final = ("RdAgent", "WindowsAzureGuestAgent")
AUTOMATIC: Final = 2
DISABLED: Final = 4
RUNNING: Final = 4
_RESTART: Final = 1
_NO_SUCH_SERVICE: Final = 1060
# winsvc.h: SERVICE_FAILURE_ACTIONS as it lies in the registry: five numbers, then pairs of action and delay
_ACTIONS_OFFSET: Final = 20
# The labels of sc.exe are translated in some languages, the numbers and the order of lines are not.
_NUMBERED = re.compile(r"\s*\S[^:：]*[:：]\s*([0-9a-fA-F]{1,8})  ?[A-Z][A-Z_]+.*")
_LABELLED = re.compile(r"\s*\S[^:：]*[:：].*|\s+\(.*")
_REFUSED = re.compile(r"\[SC\][^\n]*?\b([0-9]{1,5})\s*:")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A service of the agent: its key, and whether it runs."""

    name: str
    service: WindowsService | None
    state: int | None

    def __str__(self) -> str:
        if self.service is None:
            return f"{self.name} does not exist"
        return f"{self.name} is {'running' if self.state == RUNNING else f'in state {self.state}'}"


def parse_service(output: ProbeOutput, name: str) -> WindowsService | None:
    """A service as its registry key tells it; None where there is none of that name."""
    found = key(output, name)
    if found is None:
        return None
    start = found.number("Start")
    if start is None:
        # a key without it is what a removed service leaves behind
        return None
    actions = _failure_actions(found)
    return WindowsService(
        name=name,
        path=printable(found.path, 120),
        start=start,
        delayed=found.number("DelayedAutostart") == 1,
        restarts=actions[:1] == (_RESTART,),
        failure_actions=actions,
    )


def _failure_actions(found: Key) -> tuple[int, ...]:
    data = found.data("FailureActions")
    if data is None:
        return ()
    numbers = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data) - len(data) % 4, 4)]
    if len(numbers) < 5 or len(data) < _ACTIONS_OFFSET + 8 * numbers[3]:
        raise Unreadable(f"FailureActions in {printable(found.path, 120)} is cut short", RECOLLECT_AS_ADMINISTRATOR)
    return tuple(numbers[5 + 2 * index] for index in range(numbers[3]))


def parse_state(output: ProbeOutput, name: str) -> int | None:
    """The state of a service by number (4 runs, 1 is stopped); None where there is no such service."""
    text = output.one("service", name).text
    lines = [line for line in text.split("\n") if line.strip()]
    told = [_NUMBERED.fullmatch(line) for line in lines[1:3]]  # below SERVICE_NAME: TYPE, then STATE
    if len(told) == 2 and told[0] and told[1]:
        if (odd := next((line for line in lines if not _LABELLED.fullmatch(line)), None)) is not None:
            raise damaged(odd, f"what sc query {name} printed")
        return int(told[1].group(1), 16)
    refused = _REFUSED.search(text)
    if refused is not None and int(refused.group(1)) == _NO_SUCH_SERVICE:
        return None
    said = printable(" ".join(text.split()), 160) or "nothing"
    raise Unreadable(f"sc query {name} printed {said}", "read the guest as an administrator")


def _asked(output: ProbeOutput) -> tuple[_Asked, ...]:
    found = [(name, parse_service(output, name)) for name in AGENT_SERVICES]
    return tuple(_Asked(name, service, parse_state(output, name) if service else None) for name, service in found)


def parse_agent_processes(output: ProbeOutput) -> AgentProcesses:
    """Whether the agent's two services run: RdAgent keeps watch, WindowsAzureGuestAgent handles extensions."""
    watcher, worker = _asked(output)
    return AgentProcesses(
        daemon=_running(watcher),
        handler=_running(worker),
        others=(),
        daemon_name=watcher.name,
        handler_name=worker.name,
        detail=f"; {watcher}, {worker}",
    )


def _running(asked: _Asked) -> Process | None:
    return Process(None, f"service {asked.name}") if asked.state == RUNNING else None


def parse_agent_service(output: ProbeOutput) -> AgentService | None:
    """How the service control manager starts and restarts the agent's services; None where there is neither."""
    services = [parse_service(output, name) for name in AGENT_SERVICES]
    there = [s for s in services if s is not None]
    if not there:
        return None
    late = [s for s in there if s.start != AUTOMATIC]
    fragile = [s for s in there if not s.restarts]
    shown = (late or fragile or there)[0]
    missing = [name for name, s in zip(AGENT_SERVICES, services, strict=True) if s is None]
    evidence = [f"{s.name} has Start={s.start}" for s in there] + [f"{name} does not exist" for name in missing]
    first = (fragile or there)[0]
    return AgentService(
        manager="service control manager",
        name=missing[0] if missing else shown.name,
        active=None,
        starts_at_boot=not late and not missing,
        boot_evidence=", ".join(evidence),
        restart=None if missing or fragile else "restart",
        path=first.path,
        restart_setting=f"FailureActions of {missing[0] if missing else first.name}",
    )


def parse_agent_version(output: ProbeOutput) -> AgentVersion | None:
    """What the running agent wrote into the registry; None where no agent is installed."""
    guest = key(output, "guest")
    text = guest.text("GuestAgentVersion") if guest else None
    if text is None:
        if all(parse_service(output, name) is None for name in AGENT_SERVICES):
            return None
        raise Unreadable(
            r"the agent's services are there and GuestAgentVersion is not in HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest",
            "start the agent: it writes its version there",
        )
    version = parse_version(text)
    if version is None:
        raise Unreadable(
            f"GuestAgentVersion is {printable(text, 60)!r}, which is no version", RECOLLECT_AS_ADMINISTRATOR
        )
    path = guest.path if guest else ""
    return AgentVersion(version, printable(f"{path} GuestAgentVersion", 160), None)
