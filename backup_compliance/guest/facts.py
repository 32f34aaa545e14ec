"""What is known of a guest: small frozen records, named after the things they describe.

`None` says that the guest showed that a thing is not there. What could not be read never becomes a
record: its parser raises `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from packaging.version import Version

from backup_compliance.guest.extension_status.reading import ExtensionStatus

IN_GUEST: Final = frozenset({"onlyguest", "firstguestthenhost"})

NO_ENDPOINT: Final = (
    "no storage endpoint to try: the VM's goal state names none and the baseline has none for this cloud",
    "name one of your own accounts in thresholds.storage_endpoints of a baseline file",
)


@dataclass(frozen=True, slots=True)
class GuestIdentity:
    """Who answered, and when by its own clock (UTC)."""

    hostname: str
    collected_at: datetime
    operating_system: str
    kernel: str
    uptime_seconds: float
    vm_id: str | None
    """The VM's id as the instance metadata service or the SMBIOS gives it, lower case."""
    vm_name: str | None
    resource_group: str | None
    subscription_id: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class AgentConfiguration:
    """The agent's configuration as the agent itself reads it: the last of a key wins, `None` means unset."""

    path: str
    settings: Mapping[str, str]
    spaced_lines: tuple[str, ...]
    """Lines with white space around `=`: the extension's own parser gives up on the whole file."""

    def switch(self, key: str, *, default: bool = True) -> bool:
        """A y/n setting; anything else is the default, as in the agent."""
        return {"y": True, "n": False}.get(self.settings.get(key, "").lower(), default)


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the agent: its id and full command line; of a Windows service no more than its name."""

    pid: int | None
    command: str


@dataclass(frozen=True, slots=True)
class AgentProcesses:
    """The agent's two processes; `others` have its name in their command line and are something else."""

    daemon: Process | None
    handler: Process | None
    others: tuple[Process, ...]
    daemon_name: str = "'waagent -daemon'"
    handler_name: str = "'-run-exthandlers'"
    detail: str = ""
    """What else was seen of them, to stand behind a message."""


@dataclass(frozen=True, slots=True)
class AgentService:
    """How the guest's service manager knows the agent."""

    manager: str
    """systemd, upstart, sysv, or Windows' service control manager."""
    name: str
    active: str | None
    starts_at_boot: bool
    boot_evidence: str
    restart: str | None
    """systemd's `Restart=`, upstart's `respawn`, Windows' `restart`; None where there is no such thing."""
    path: str
    restart_setting: str = "Restart"
    """The name of the setting that tells this."""


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """The version that processes extensions, and where that was seen."""

    goal_state: Version
    evidence: str
    packaged: Version | None


@dataclass(frozen=True, slots=True)
class GoalState:
    """What the platform asks of this VM, as the host address says."""

    agent_version: Version | None
    backup_extension_requested: bool


@dataclass(frozen=True, slots=True)
class ProxyVariable:
    """A proxy variable in the agent's environment and where it is set."""

    origin: str
    name: str
    value: str
    exceptions: tuple[str, ...] | None = None
    """Hosts that this very setting spares, where the system keeps them with it; None: the guest's `no_proxy` counts."""
    in_force: bool = True
    """Whether the running agent has it; a unit's variable is in force from the agent's next start on."""

    @property
    def is_for_https_only(self) -> bool:
        """Whether plain HTTP goes another way."""
        return self.name.lower() == "https_proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """Every proxy setting that concerns the agent; None of them set means no record."""

    host: str | None
    port: str | None
    variables: tuple[ProxyVariable, ...]
    no_proxy: tuple[str, ...]
    contradictions: tuple[str, ...] = ()
    """Settings of one guest that disagree about where the proxy is."""
    script: str | None = None
    """An address of a configuration script, which decides for each host; nobody knows how but the script."""
    extension_proxy: str | None = None
    """HOST:PORT by which the backup extension goes; None: directly."""

    @property
    def concerns_https(self) -> bool:
        """Whether any of it can change the way of an https request; on Linux `http_proxy` and `all_proxy` cannot."""
        return (
            self.host is not None
            or any(v.exceptions is not None or (v.in_force and v.is_for_https_only) for v in self.variables)
            or self.script is not None
        )


@dataclass(frozen=True, slots=True)
class AgentWay:
    """How the agent asks one host for https."""

    proxy: str | None
    """HOST:PORT; None: directly."""
    setting: str
    """What says so, or a reason why no proxy is taken."""
    is_usable: bool = True
    """Whether the proxy's host can be one; nothing is reached through another."""


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """One HTTP request from inside the guest, by stages."""

    target: str
    """`storage` or `host`."""
    path: str
    """`direct`, `proxy`, or the port on the host address."""
    endpoint: str
    tool: str
    exit_status: int
    stage: str
    """How far it came: name resolution, connection, proxy, TLS, HTTP, or `answered`."""
    detail: str
    """What the tool said about it, one line."""
    status: int | None
    address: str | None
    server: str | None
    request_id: str | None
    location: str | None

    @property
    def is_azure_storage(self) -> bool:
        """Whether Azure Storage itself gave the answer, whatever its status code."""
        return self.stage == "answered" and (
            self.request_id is not None or "windows-azure-blob" in (self.server or "").lower()
        )


@dataclass(frozen=True, slots=True)
class Storage:
    """The way to Azure Storage: where the endpoints come from and what each answered."""

    origin: str
    """`goal-state` or `baseline`."""
    checks: tuple[HttpCheck, ...]
    snapshot_starts_in_guest: bool
    snapshot_method: str | None
    ways: Mapping[str, AgentWay] = field(default_factory=dict)
    """The agent's way to each endpoint; empty where that is not known."""
    extension_proxy: str | None = None
    """HOST:PORT by which the backup extension goes; None: directly."""
    agent_channel: str | None = None
    """Where the agent gets its manifests and packages by the end of its log: `HostGAPlugin` relays them; None: untold."""
    snapshot_report: str = ""
    """What the extension's last report says of where snapshots start; empty where the configuration is all there is."""

    def as_reported(self, last: ExtensionStatus | None) -> Storage:
        """The same, with what the last report says of where snapshots start: the configuration only lets one guess."""
        if last is None or last.starts_in_guest is None:
            return self
        return replace(self, snapshot_starts_in_guest=last.starts_in_guest, snapshot_report=last.start_evidence)


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """The kernel's decision for one destination."""

    destination: str
    address: str
    decision: str
    """The line that decided."""
    usable: bool


@dataclass(frozen=True, slots=True)
class GuestLoad:
    """Processor and memory in use, percent."""

    cpu_percent: float
    cpu_seconds: float
    memory_percent: float
    memory_total_mib: int
    memory_available_mib: int


@dataclass(frozen=True, slots=True)
class Reboot:
    """Whether the guest waits for a restart."""

    flags: tuple[str, ...]
    running_kernel: str
    installed_kernels: tuple[str, ...]
    newer_kernels: tuple[str, ...] = field(default=())
