"""Where each distribution keeps the Azure Linux Agent: one row a layout; the probe and every message take it from here.

The agent itself chooses by the distribution's name (WALinuxAgent, azurelinuxagent/common/osutil: coreos.py, clearlinux.py,
default.py) and takes another configuration where its command line names one (`-configuration-path:`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from backup_compliance.guest.linux.files import parse_configuration
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable


@dataclass(frozen=True, slots=True)
class AgentLayout:
    """One way in which the agent is laid out on disk."""

    distributions: tuple[str, ...]
    """`ID` of /etc/os-release; empty for every distribution that no other row names."""
    configuration: str
    binary: str
    """Where its command is, should no folder of PATH hold it."""
    units: tuple[str, ...]
    """Names of its service, the likeliest first."""
    state_folder: str
    package: str
    """How it is installed and updated, for people."""


LAYOUTS: Final = (
    AgentLayout(
        distributions=("flatcar", "coreos"),
        configuration="/usr/share/oem/waagent.conf",
        binary="/usr/share/oem/bin/waagent",
        units=("waagent",),
        state_folder="/var/lib/waagent",
        package="the agent is part of the image: update_engine_client -update",
    ),
    AgentLayout(
        distributions=("clear-linux-os",),
        configuration="/usr/share/defaults/waagent/waagent.conf",
        binary="/usr/bin/waagent",
        units=("waagent",),
        state_folder="/var/lib/waagent",
        package="swupd search waagent names the bundle, swupd bundle-add installs it",
    ),
    AgentLayout(
        distributions=(),
        configuration="/etc/waagent.conf",
        binary="/usr/sbin/waagent",
        units=("walinuxagent", "waagent"),
        state_folder="/var/lib/waagent",
        package="apt-get install walinuxagent, dnf install WALinuxAgent or zypper install python-azure-agent",
    ),
)
"""In the order in which they are looked through; the last one fits every distribution."""
DEFAULT: Final = LAYOUTS[-1]
_PATH: Final = re.compile(r"/[A-Za-z0-9_./-]{1,200}")
_RUNNING_ON: Final = re.compile(r"WALinuxAgent-\S{1,40} running on (\S{1,40}) ")


def layout_of(distribution: str) -> AgentLayout:
    """The row for `ID` of os-release."""
    return next((row for row in LAYOUTS if distribution in row.distributions), DEFAULT)


def parse_layout(output: ProbeOutput) -> AgentLayout:
    """The agent's layout on this guest, with the configuration that it takes in fact.

    The probe says which configuration the agent takes (`conf=` of `meta`, from revision 2 on). Older recordings are
    told apart by os-release, or by the agent's own word about its distribution.
    """
    row = layout_of(_distribution(output))
    if output.revision < 2:
        return row
    path = output.one("meta").pairs().get("conf", "")
    if not _PATH.fullmatch(path):
        raise Unreadable(
            f"the probe did not say which configuration the agent takes: {printable(path, 80)!r}", RECOLLECT
        )
    return replace(row, configuration=path)


def _distribution(output: ProbeOutput) -> str:
    lines = parse_configuration(output).get("/etc/os-release", [])
    told = next((x.removeprefix("ID=").strip("\"'") for x in lines if x.startswith("ID=")), "")
    running_on = _RUNNING_ON.match(output.one("version").text)
    return told or (running_on.group(1) if running_on else "")


def table_for_probe() -> str:
    """The table as probe.sh holds it: a function that sets what the probe reads, by the distribution."""
    rows = []
    for row in LAYOUTS:
        pattern = "|".join(row.distributions) or "*"
        units = " ".join(f"{unit}.service" for unit in row.units)
        rows.append(
            f"    {pattern}) CONF={row.configuration} BINARY={row.binary} UNITS='{units}' STATE={row.state_folder} ;;"
        )
    return "\n".join(["layout() {", "  case $1 in", *rows, "  esac", "}"])
