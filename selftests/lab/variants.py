"""The guests of the lab: one for every way that Linux guests differ for the controls, and plain ones for faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from selftests.lab import places, wire
from selftests.lab.bases import BULLSEYE, EGG_VERSION, RED_HAT, SYSV, TRIXIE
from selftests.lab.extension import NOT_MENDED, OLD
from selftests.lab.guests import AGENT_RUNS, Guest

_LOOPBACK: Final = "auto lo\niface lo inet loopback"
_WANTED: Final = "/etc/systemd/system/multi-user.target.wants"
_RESOLVER: Final = {"/etc/resolv.conf": f"nameserver {places.HOST_ADDRESS}"}
_NETWORKD: Final = {
    "/etc/network/interfaces": _LOOPBACK,
    "/etc/systemd/network/10-eth0.network": "[Match]\nName=eth0\n[Network]\nDHCP=ipv4",
    f"{_WANTED}/systemd-networkd.service": "-> /lib/systemd/system/systemd-networkd.service",
    "/etc/systemd/system/sockets.target.wants/systemd-networkd.socket": "-> /lib/systemd/system/systemd-networkd.socket",
    **_RESOLVER,
}
_NETWORKMANAGER: Final = {
    "/etc/NetworkManager/system-connections/eth0.nmconnection": "[connection]\nid=System eth0\nuuid=5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03\ntype=ethernet\ninterface-name=eth0\nautoconnect=true\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled",
    "/etc/NetworkManager/conf.d/lab.conf": "[device]\nmatch-device=interface-name:eth0\nmanaged=1",
}
_DHCPCD: Final = {
    "/etc/network/interfaces": _LOOPBACK,
    f"{_WANTED}/dhcpcd.service": "-> /lib/systemd/system/dhcpcd.service",
    # without udev it takes no interface that it is not told of
    "/etc/systemd/system/dhcpcd.service.d/lab.conf": "[Service]\nType=simple\nPIDFile=\nExecStart=\nExecStart=/usr/sbin/dhcpcd -4 -q -B eth0",
    **_RESOLVER,
}
# The DHCP client dies; the address stays, as where another tool set it, or nobody could read this guest any more.
_ABANDONED: Final = {
    "/etc/systemd/system/lab-abandon.service": "[Unit]\nAfter=network-online.target ssh.service\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/lab-abandon",
    "/usr/local/sbin/lab-abandon": "#!/bin/sh\npkill -9 dhclient\nip addr change $(ip -4 -o addr show dev eth0 | awk '{ print $4 }') dev eth0 valid_lft forever preferred_lft forever",
    f"{_WANTED}/lab-abandon.service": "-> /etc/systemd/system/lab-abandon.service",
}
_CURL: Final = "usr/bin/curl"
_WGET: Final = "usr/bin/wget"
NO_AGENT: Final = "true"
"""Ready at once: no agent will ever run there."""
CANNOT_START: Final = (
    f"{AGENT_RUNS} && grep -q 'Non-zero exit code' /var/lib/waagent/*VMSnapshotLinux-*/config/HandlerStatus"
)
"""Ready to be read: the extension was tried, and did not start."""


def _static(number: int) -> dict[str, str]:
    address = f"address {places.PREFIX}.1.{number}/16\n gateway {places.GATEWAY}\n up ip route add {places.HOST_ADDRESS} via {places.GATEWAY}"
    return {"/etc/network/interfaces": f"{_LOOPBACK}\nauto eth0\niface eth0 inet static\n {address}", **_RESOLVER}


def _elsewhere(name: str, system: str, configuration: str) -> Guest:
    """A distribution whose agent has its configuration elsewhere, and decides by the distribution's name where."""
    unit = f"[Unit]\nConditionPathExists=\nConditionPathExists={configuration}"
    files = {
        **_NETWORKD,
        "/etc/os-release": system,
        "/etc/systemd/system/NetworkManager.service": "-> /dev/null",
        "/etc/systemd/system/waagent.service.d/10-configuration.conf": unit,
    }
    return Guest(name, RED_HAT, files, orders=_RED_HAT, moved={"etc/waagent.conf": configuration.lstrip("/")})


def _platform_python(name: str, **more: Any) -> Guest:
    """No Python but the system's own, under a name that no launcher has in its list; the agent runs under it."""
    start = f"{_PLATFORM_PYTHON} -u /usr/sbin/waagent -daemon"
    files = {
        **_NETWORKMANAGER,
        "/usr/sbin/waagent": f"#!{_PLATFORM_PYTHON}\nimport azurelinuxagent.agent as agent\nagent.main()",
        "/etc/systemd/system/waagent.service.d/10-python.conf": f"[Service]\nExecStart=\nExecStart={start}",
    }
    moved = {"usr/bin/python3.11": _PLATFORM_PYTHON.lstrip("/")}
    return Guest(name, RED_HAT, files, absent=("usr/bin/python*",), moved=moved, **more)


_PLATFORM_PYTHON: Final = "/usr/libexec/platform-python"
FLATCAR: Final = "/usr/share/oem/waagent.conf"
CLEAR_LINUX: Final = "/usr/share/defaults/waagent/waagent.conf"
_RED_HAT: Final = wire.Orders(agent_version=EGG_VERSION)
_BULLSEYE: Final = wire.Orders(agent_version="2.2.47")
_TRIXIE: Final = wire.Orders(agent_version="2.12.0.2")

GUESTS: Final = (
    Guest("static", files=_static(10), option_245="silent"),  # the first: its address is written in its files
    Guest("dhclient"),
    Guest("networkd", files=_NETWORKD),
    Guest("networkmanager", RED_HAT, _NETWORKMANAGER, orders=_RED_HAT),
    Guest("dhcpcd", files=_DHCPCD),
    Guest("dhclient-none", option_245="none"),
    Guest("dhclient-wrong", option_245="wrong"),
    Guest("networkd-none", files=_NETWORKD, option_245="none"),
    Guest("networkd-wrong", files=_NETWORKD, option_245="wrong"),
    Guest("dhcpcd-none", files=_DHCPCD, option_245="none"),
    Guest("dhcpcd-wrong", files=_DHCPCD, option_245="wrong"),
    Guest("networkmanager-none", RED_HAT, _NETWORKMANAGER, option_245="none", orders=_RED_HAT),
    Guest("networkmanager-wrong", RED_HAT, _NETWORKMANAGER, option_245="wrong", orders=_RED_HAT),
    Guest("short-lease", files=_ABANDONED, lease="4m"),
    Guest("sysvinit", SYSV),
    Guest("wget1", absent=(_CURL,)),
    Guest("wget2", absent=(_CURL,)),
    Guest("python1", absent=(_CURL, _WGET)),
    Guest("python2", absent=(_CURL, _WGET)),
    Guest("bare", absent=(_CURL, _WGET, "usr/bin/python3*"), ready=NO_AGENT),
    Guest("busybox", files={"/bin/sh": "-> busybox"}),
    Guest("mksh", files={"/bin/sh": "-> mksh"}),
    Guest("small-disk", disk_mib=48),
    Guest("no-extension", orders=wire.Orders(extension=False), ready=AGENT_RUNS),
    Guest("old-extension", orders=wire.Orders(extension_version=OLD)),
    Guest("bullseye", BULLSEYE, orders=_BULLSEYE),
    Guest("trixie", TRIXIE, orders=_TRIXIE),
    Guest("trixie-wrong", TRIXIE, option_245="wrong", orders=_TRIXIE),
    Guest("trixie-networkd", TRIXIE, _NETWORKD, orders=_TRIXIE),
    Guest("trixie-networkd-none", TRIXIE, _NETWORKD, option_245="none", orders=_TRIXIE),
    Guest("trixie-not-mended", TRIXIE, orders=replace(_TRIXIE, extension_version=NOT_MENDED), ready=CANNOT_START),
    _elsewhere("flatcar", "NAME=Flatcar\nID=flatcar\nVERSION_ID=4230.2.0\nVERSION=4230.2.0", FLATCAR),
    _elsewhere("clear-linux", 'NAME="Clear Linux OS"\nID=clear-linux-os\nVERSION_ID=42000\nVERSION=1', CLEAR_LINUX),
    _platform_python("platform-python", orders=_RED_HAT),
    _platform_python("platform-python-old", orders=replace(_RED_HAT, extension_version=OLD), ready=CANNOT_START),
    *(Guest(n) for n in ("purged", "extension1", *(f"plain{n}" for n in range(1, 7)))),
    *(Guest(f"{kind}{n}") for kind in ("agent", "proxy") for n in range(1, 4)),
    Guest("system1", memory_mib=1024),
    *(Guest(f"system{n}") for n in (2, 3)),
    *(Guest(f"reading{n}") for n in range(1, 6)),
)
