"""Made-up guests in the shape of the probe's output: healthy ones, and edits that break one thing.

Everything here is written for the tests and the demo; names, addresses and ids belong to nobody.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from selftests.builders.extension_reports import GOOD, Report

WORD = "avb-5a11ab1e"
EPOCH = 1795420800
"""2026-11-23 08:00 UTC."""

EXTENSION = "/var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9220.0"
ENDPOINT = "md-sample0001.z20.blob.storage.azure.net"
EGG = "/usr/bin/python3 -u bin/WALinuxAgent-2.15.0.1-py3.12.egg -run-exthandlers"
CONF = """\
Extensions.Enabled=y
Provisioning.Agent=auto
Provisioning.DeleteRootPassword=***
ResourceDisk.Format=n
Logs.Verbose=n
OS.RootDeviceScsiTimeout=300
OS.OpensslPath=None
AutoUpdate.UpdateToLatestVersion=y
OS.EnableFirewall=y"""


@dataclass(frozen=True)
class Recording:
    """One guest's output, part by part; a heading may hold several words."""

    parts: Mapping[str, str]

    def edit(self, part: str, *changes: tuple[str, str]) -> Recording:
        """The same with (old, new) texts of one part exchanged; an old text that is not there is a mistake."""
        text = self.parts[part]
        for old, new in changes:
            assert old in text, f"{old!r} is not in part {part}"
            text = text.replace(old, new)
        return self.put(part, text)

    def put(self, part: str, text: str) -> Recording:
        """The same with another text for one part."""
        return replace(self, parts={**self.parts, part: text})

    def without(self, *names: str) -> Recording:
        """The same without some parts."""
        assert set(names) <= set(self.parts), f"no such part: {set(names) - set(self.parts)}"
        return replace(self, parts={k: v for k, v in self.parts.items() if k not in names})

    def config(self, path: str, lines: str | None) -> Recording:
        """The same with another configuration file; None takes the file away."""
        kept = [x for x in self.parts["config"].splitlines() if not x.startswith(f"{path}:")]
        added = [f"{path}:{line}" for line in (lines or "").splitlines()]
        changed = self.put("config", "\n".join([*added, *kept]))
        agents = f"conf={path}\n" in self.parts["meta"]
        if agents or path in ("/etc/waagent.conf", "/etc/azure/vmbackup.conf", "/var/lib/waagent/WireServerEndpoint"):
            changed = changed.state(path, "absent" if lines is None else "readable")
        return changed

    def state(self, path: str, state: str) -> Recording:
        """The same with a path in another state."""
        kept = [x for x in self.parts["files"].splitlines() if x.split(" ", 1)[1] != path]
        return self.put("files", "\n".join([*kept, f"{state} {path}"]))

    def proxied(self, *settings: str, way: str, through: str | None = None) -> Recording:
        """The same with these lines in the agent's configuration, and with the agent's way to storage as the probe tells it."""
        changed = self.config("/etc/waagent.conf", "\n".join([CONF, *settings]))
        changed = changed.put("endpoints", f"origin=goal-state\n{ENDPOINT} {way}")
        return changed if through is None else changed.put(f"http storage proxy {ENDPOINT}", through)

    def laid_out(self, configuration: str) -> Recording:
        """The same with the agent's configuration elsewhere."""
        lines = [
            x.removeprefix("/etc/waagent.conf:") for x in self.parts["config"].splitlines() if "/etc/waagent.conf:" in x
        ]
        moved = self.config("/etc/waagent.conf", None).without_state("/etc/waagent.conf")
        return moved.edit("meta", ("conf=/etc/waagent.conf", f"conf={configuration}")).config(
            configuration, "\n".join(lines)
        )

    def without_state(self, path: str) -> Recording:
        """The same as a probe printed it that did not ask whether `path` exists."""
        return self.put("files", "\n".join(x for x in self.parts["files"].splitlines() if x.split(" ", 1)[1] != path))

    def old(self) -> Recording:
        """The same as the first probe printed it, which told neither its revision nor the agent's way, nor its Python."""
        meta = [x for x in self.parts["meta"].splitlines() if not x.startswith(("revision=", "conf="))]
        endpoints = [x.split(" ")[0] for x in self.parts["endpoints"].splitlines()]
        python = [x for x in self.parts["python"].splitlines() if not x.startswith("agent=")]
        return self.put("meta", "\n".join(meta)).put("endpoints", "\n".join(endpoints)).put("python", "\n".join(python))

    def reported(self, *reports: Report) -> Recording:
        """The same with other reports of the extension: the last as the newest, the others as of the runs before it."""
        kept = [x for x in self.parts["extension"].splitlines() if "/status/" not in x]
        names = [*(f"{number}_status" for number in range(42 - len(reports), 41)), "41.status"]
        folder = f"{kept[0].removeprefix('handler ')}/status"
        told = [f"{folder}/{name}:{report.text()}" for name, report in zip(names[: len(reports)], reports, strict=True)]
        return self.put("extension", "\n".join([*kept, *told]))

    def under_python(self, version: str, path: str = "/usr/bin/python3") -> Recording:
        """The same with another interpreter, under which the newest report was written."""
        # under 3.12 and later not every version of the extension runs: the probe goes on to what runs the agent, the same
        beyond = "" if int(version.split(".")[1]) < 12 else "\nagent="
        python = f"searched=/usr/bin /usr/local/bin\npath={path}\nPython {version}{beyond}"
        return self.put("python", python).reported(replace(GOOD, python=version))

    def moved(self, third: int) -> Recording:
        """The same guest in another /24 of the sample network; the proxy stays where it is."""
        moved = {k: re.sub(r"10\.20\.0\.(?!250\b)", f"10.20.{third}.", v) for k, v in self.parts.items()}
        return replace(self, parts=moved)

    def text(self, version: str = "1") -> str:
        """What the probe would have printed."""
        body = "".join(f"\n{WORD} {heading}\n{text}\n" for heading, text in self.parts.items())
        return f"\navb-probe {version} begin {WORD}\n{body}\n\navb-probe {version} end {WORD}\n"

    def output(self) -> bytes:
        """The same as bytes."""
        return self.text().encode()

    def packed(self) -> bytes:
        """What `probe.sh packed` would have printed."""
        encoded = base64.encodebytes(gzip.compress(self.output(), 9, mtime=0)).decode()
        return f"\navb-probe 1 packed\n{encoded}\navb-probe 1 packed end\n".encode()


def http(*lines: str, tool: str = "curl", exit_status: int = 0) -> str:
    """The text of one request's part."""
    return "\n".join([f"tool={tool} exit={exit_status}", *lines, ""])


ANSWERED = http(
    "HTTP/1.1 400 The account being accessed does not support http.",
    "Server: Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
    "x-ms-request-id: 5f0d6a1e-001e-0042-7a5b-5da11ab1e000",
    "x-ms-version: 2009-09-19",
    "http=400 connect=000 ip=20.60.88.4 tcp=0.003 tls=0.021",
)
HOST_ANSWERED = http(
    "HTTP/1.1 200 OK", "Server: Microsoft-IIS/10.0", "http=200 connect=000 ip=168.63.129.16 tcp=0.001 tls=0.000"
)
DROPPED = http(
    "curl: (28) Connection timed out after 8001 milliseconds",
    "http=000 connect=000 ip= tcp=0.000000 tls=0.000000",
    exit_status=28,
)
REFUSED = http(
    "curl: (7) Failed to connect to the host after 1 ms: Couldn't connect to server",
    "http=000 connect=000 ip= tcp=0.000000 tls=0.000000",
    exit_status=7,
)

NETWORKD_LEASE = """\
/run/systemd/netif/leases/2:ADDRESS=10.20.0.4
/run/systemd/netif/leases/2:NETMASK=255.255.255.0
/run/systemd/netif/leases/2:ROUTER=10.20.0.1
/run/systemd/netif/leases/2:SERVER_ADDRESS=168.63.129.16
/run/systemd/netif/leases/2:LIFETIME=infinity
/run/systemd/netif/leases/2:OPTION_245=a83f8110"""


def ubuntu(name: str = "sample", number: int = 4) -> Recording:
    """A healthy Ubuntu 24.04: systemd-networkd, an agent that updated itself, the extension at work."""
    states = [
        "readable /etc/waagent.conf",
        "directory /var/lib/waagent",
        "readable /var/lib/waagent/WireServerEndpoint",
        "absent /etc/azure/vmbackup.conf",
        "absent /run/reboot-required",
        "absent /var/run/reboot-required",
        "absent /run/reboot-needed",
        "directory /var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux",
        "directory /boot",
        f"directory {EXTENSION}",
        "directory /run/systemd/netif",
        "directory /run/systemd/system",
        "kernel /boot/vmlinuz-6.8.0-1021-azure",
        "kernel /boot/vmlinuz-6.8.0-1020-azure",
    ]
    config = "\n".join(
        [
            *(f"/etc/waagent.conf:{x}" for x in CONF.splitlines()),
            "/var/lib/waagent/WireServerEndpoint:168.63.129.16",
            '/etc/os-release:PRETTY_NAME="Ubuntu 24.04.3 LTS"',
            "/etc/os-release:ID=ubuntu",
            "/run/systemd/netif/links/2:NETWORK_FILE=/run/systemd/network/10-netplan-eth0.network",
            NETWORKD_LEASE.replace("10.20.0.4", f"10.20.0.{number}"),
            "/run/systemd/network/10-netplan-eth0.network:[Match]",
            "/run/systemd/network/10-netplan-eth0.network:Name=eth0",
            "/run/systemd/network/10-netplan-eth0.network:[Network]",
            "/run/systemd/network/10-netplan-eth0.network:DHCP=ipv4",
        ]
    )
    return Recording(
        {
            "meta": f"revision=2\nconf=/etc/waagent.conf\nepoch={EPOCH}\nuid=0\nuptime=86400.12\ntool=curl\nhostname={name}\nkernel=6.8.0-1021-azure\nproduct-uuid=5a11ab1e-0000-4000-8000-{number:012d}",
            "routes": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
            "eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth0\t10813FA8\t0100140A\t0007\t0\t0\t100\tFFFFFFFF\t0\t0\t0",
            "interface": f"name=eth0\nindex=2\n2: eth0    inet 10.20.0.{number}/24 metric 100 brd 10.20.0.255 scope global eth0\\       valid_lft forever",
            "memory": "MemTotal: 8144856\nMemFree: 1204000\nMemAvailable: 5701400\nBuffers: 80000\nCached: 4300000",
            "files": "\n".join(states),
            "config": config,
            "leases": "",
            "processes": f"scanned 148\nprocess 843 /usr/bin/python3 -u /usr/sbin/waagent -daemon\nprocess 1187 {EGG}\nrunning handler {EGG}",
            "units": "Id=walinuxagent.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nRestart=always\n"
            "FragmentPath=/usr/lib/systemd/system/walinuxagent.service\n\nId=waagent.service\nLoadState=not-found\nActiveState=inactive\n"
            "SubState=dead\nUnitFileState=\nRestart=no\nFragmentPath=",
            "version": f"running={EGG}",
            "python": "searched=/usr/bin /usr/local/bin\npath=/usr/bin/python3\nPython 3.12.3\nagent=",
            "extension": f"handler {EXTENSION}\n{EXTENSION}/config/HandlerState:Enabled\n"
            f'{EXTENSION}/config/HandlerStatus:{{"name": "Microsoft.Azure.RecoveryServices.VMSnapshotLinux", "version": "1.0.9220.0", "status": "Ready", "code": 0, "message": "Plugin enabled"}}\n'
            f"{EXTENSION}/status/41.status:{GOOD.text()}",
            "endpoints": f"origin=goal-state\n{ENDPOINT} direct",
            "route host 168.63.129.16": f"exit=0\n168.63.129.16 via 10.20.0.1 dev eth0 src 10.20.0.{number} uid 0",
            "http host 80": HOST_ANSWERED,
            "http host 32526": HOST_ANSWERED,
            "imds": f'"azEnvironment":"AzurePublicCloud"\n"location":"westeurope"\n"name":"{name}"\n"resourceGroupName":"rg-sample"\n'
            f'"subscriptionId":"5a11ab1e-5a11-4a11-8a11-5a11ab1e0000"\n"vmId":"5a11ab1e-0000-4000-8000-{number:012d}"',
            f"http storage direct {ENDPOINT}": ANSWERED,
            f"route {ENDPOINT} 20.60.88.4": f"exit=0\n20.60.88.4 via 10.20.0.1 dev eth0 src 10.20.0.{number} uid 0",
            "goal-state": "agent-version=2.15.0.1\nbackup-extension=yes",
            "cpu": "seconds=2\ncpu  26287 0 9556 265412 1142 0 456 1180 0 0\ncpu  26316 0 9565 265772 1144 0 456 1180 0 0",
        }
    )


def red_hat(name: str = "sample", number: int = 5) -> Recording:
    """A healthy RHEL 9: NetworkManager, waagent.service, Python 3.9."""
    egg = EGG.replace("/usr/bin/python3", "python3")
    guest = ubuntu(name, number)
    guest = guest.under_python("3.9.21")
    guest = guest.put(
        "processes",
        f"scanned 212\nprocess 911 /usr/bin/python3 -u /usr/sbin/waagent -daemon\nprocess 1302 {egg}\nrunning handler {egg}",
    )
    guest = guest.edit(
        "units",
        ("Id=walinuxagent.service", "Id=waagent.service"),
        ("/usr/lib/systemd/system/walinuxagent", "/usr/lib/systemd/system/waagent"),
    )
    kept = [x for x in guest.parts["config"].splitlines() if "/systemd/" not in x]
    device = "/run/NetworkManager/devices/2"
    added = [
        f"{device}:[device]",
        f"{device}:connection-uuid=5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03",
        f"{device}:[dhcp4]",
        f"{device}:dhcp4.ip_address=10.20.0.{number}",
        f"{device}:dhcp4.private_245=a8:3f:81:10",
        "/etc/NetworkManager/system-connections/eth0.nmconnection:[connection]",
        "/etc/NetworkManager/system-connections/eth0.nmconnection:uuid=5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03",
        "/etc/NetworkManager/system-connections/eth0.nmconnection:[ipv4]",
        "/etc/NetworkManager/system-connections/eth0.nmconnection:method=auto",
    ]
    guest = guest.put("config", "\n".join([*kept, *added])).edit(
        "config", ("Ubuntu 24.04.3 LTS", "Red Hat Enterprise Linux 9.6 (Plow)")
    )
    guest = guest.edit("meta", ("6.8.0-1021-azure", "5.14.0-570.12.1.el9_6.x86_64"))
    return guest.edit(
        "files",
        ("vmlinuz-6.8.0-1021-azure", "vmlinuz-5.14.0-570.12.1.el9_6.x86_64"),
        ("vmlinuz-6.8.0-1020-azure", "vmlinuz-5.14.0-503.40.1.el9_5.x86_64"),
    )


def debian(name: str = "sample", number: int = 6) -> Recording:
    """A Debian 12 with the distribution's own agent, brought up to what is asked for; dhclient."""
    guest = ubuntu(name, number)
    kept = [x for x in guest.parts["config"].splitlines() if "/systemd/" not in x]
    guest = guest.put("config", "\n".join([*kept, "/etc/network/interfaces:iface eth0 inet dhcp"]))
    guest = guest.edit("config", ("Ubuntu 24.04.3 LTS", "Debian GNU/Linux 12 (bookworm)"))
    return guest.under_python("3.11.2").put("leases", dhclient_lease(f"10.20.0.{number}"))


def dhclient_lease(address: str, option: str | None = "a8:3f:81:10", expire: str = "3 2163/01/05 10:00:00") -> str:
    """One block of a dhclient lease file, as the probe's `leases` part shows it."""
    path = "/var/lib/dhcp/dhclient.eth0.leases"
    told = [f"  option unknown-245 {option};"] if option else []
    lines = [
        "lease {",
        '  interface "eth0";',
        f"  fixed-address {address};",
        *told,
        "  renew 1 2094/12/17 15:16:37;",
        f"  expire {expire};",
        "}",
    ]
    return "\n".join(f"{path}:{line}" for line in lines)


def suse(name: str = "sample", number: int = 7) -> Recording:
    """A healthy SLES 15: wicked."""
    guest = ubuntu(name, number)
    kept = [x for x in guest.parts["config"].splitlines() if "/systemd/" not in x]
    guest = guest.put("config", "\n".join([*kept, "/etc/sysconfig/network/ifcfg-eth0:BOOTPROTO='dhcp'"]))
    guest = guest.edit("config", ("Ubuntu 24.04.3 LTS", "SUSE Linux Enterprise Server 15 SP6"))
    path = "/var/lib/wicked/lease-eth0-dhcp-ipv4.xml"
    xml = [
        "<lease>",
        f"  <ipv4:dhcp><client-id>01</client-id><ip-address>10.20.0.{number}</ip-address>",
        "  <options><unknown-245><code>245</code><data>a8:3f:81:10</data></unknown-245></options>",
        "  </ipv4:dhcp>",
        "</lease>",
    ]
    lease = "\n".join(f"{path}:{line}" for line in xml)
    return guest.put("leases", lease).under_python("3.6.15", "/usr/bin/python3.6")
