"""The facts of probe.sh as a suite without the probe asks for them: one at a time through testinfra.

Ordinary use of testinfra's modules, a fact a line and in the probe's order. What the probe looks up in
dozens of places (leases, interfaces) is one line here, so the comparison favours this way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import testinfra

AGENT: Final = "/var/lib/waagent"
EXTENSION: Final = f"{AGENT}/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*"
CURL: Final = "curl -sS -m 3 -D - -o /dev/null"
CPU_SAMPLE: Final = 2.0
"""Seconds between the two readings of /proc/stat; the probe waits as long."""

FACTS: Final[tuple[tuple[str, Callable[[Any], object]], ...]] = (
    ("clock", lambda host: host.run("date +%s").stdout),
    ("user", lambda host: host.run("id -u").stdout),
    ("uptime", lambda host: host.file("/proc/uptime").content),
    ("host name", lambda host: host.file("/proc/sys/kernel/hostname").content),
    ("kernel", lambda host: host.file("/proc/sys/kernel/osrelease").content),
    ("distribution", lambda host: host.file("/etc/os-release").content),
    ("memory", lambda host: host.file("/proc/meminfo").content),
    ("routes", lambda host: host.file("/proc/net/route").content),
    ("addresses", lambda host: host.run("ip -4 -o addr show").stdout),
    ("route to the platform", lambda host: host.run("ip -4 route get 168.63.129.16").rc),
    ("interfaces", lambda host: host.run("cat /etc/network/interfaces /run/systemd/netif/leases/*").stdout),
    ("leases", lambda host: host.run("cat /var/lib/dhcp/dhclient*.lease* /var/lib/dhclient/*.lease*").stdout),
    ("restart pending", lambda host: host.file("/run/reboot-required").exists),
    ("agent's configuration", lambda host: host.run("cat /etc/waagent.conf").stdout),
    ("backup's configuration", lambda host: host.run("cat /etc/azure/vmbackup.conf").stdout),
    ("agent's processes", lambda host: host.run("pgrep -af waagent").stdout),
    ("agent's unit", lambda host: host.run("systemctl show walinuxagent.service waagent.service").stdout),
    ("agent's version", lambda host: host.run("waagent --version").stdout),
    ("extension's state", lambda host: host.run(f"cat {EXTENSION}/config/HandlerState").stdout),
    ("extension's status", lambda host: host.run(f"cat {EXTENSION}/status/*.status").stdout),
    ("storage of the goal state", lambda host: host.run(f"grep -ohE 'https://[a-z0-9.-]+' {AGENT}/*.xml").stdout),
    ("wire server", lambda host: host.run(f"{CURL} 'http://168.63.129.16/?comp=versions'").stdout),
    ("host plugin", lambda host: host.run(f"{CURL} http://168.63.129.16:32526/versions").stdout),
    (
        "instance metadata",
        lambda host: host.run(f"{CURL} -H Metadata:true http://169.254.169.254/metadata/instance").rc,
    ),
    ("storage", lambda host: host.run(f"{CURL} 'https://bench.blob.core.windows.net/?comp=list'").rc),
    ("processor", lambda host: host.run(f"head -1 /proc/stat; sleep {CPU_SAMPLE:g}; head -1 /proc/stat").stdout),
)


ANSWERED: Final = frozenset({"kernel", "memory", "routes", "processor"})
"""What every guest has an answer to; a fast failure must not pass for a fast reading."""


@dataclass(frozen=True)
class Walk:
    """One host read this way."""

    wall: float
    commands: int
    """What testinfra really ran, its own questions included; each is a connection of its own."""


def walk(address: str, ssh_config: Path) -> Walk:
    """Ask one host for every fact.

    Raises:
        RuntimeError: if the host does not answer.
    """
    begun = time.perf_counter()
    host = testinfra.get_host(f"ssh://root@{address}", ssh_config=str(ssh_config))
    run_local, ran = host.backend.run_local, []

    def counted(command: str, *args: str) -> Any:
        ran.append(command)
        return run_local(command, *args)

    host.backend.run_local = counted
    answers = {name: ask(host) for name, ask in FACTS}
    wall = time.perf_counter() - begun
    if not all(answers[name] for name in ANSWERED):
        raise RuntimeError(f"{address} did not answer every question")
    return Walk(wall, len(ran))
