"""A guest's file tree in a folder, for running the real probe.sh on (AVB_ROOT), with secrets planted in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from backup_compliance.guest.linux.probe import PROBE as PROBE
from selftests.builders.extension_reports import FAILED, GOOD

SECRET = "hunter2-do-not-send"
HANDLER = "var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9220.0"
NOWHERE = {
    # no tool, no request: the tree's goal state names a real host, and nothing may leave the machine;
    # tests of the network stages name a tool and hosts on loopback
    "AVB_TOOL": "none",
    "AVB_HOST_ADDRESS": "127.0.0.1",
    "AVB_HOST_PORT": "9",
    "AVB_PLUGIN_PORT": "9",
    "AVB_IMDS": "127.0.0.1:9",
    "AVB_STORAGE_ENDPOINT": "localhost:9",
}

FILES: Mapping[str, str | bytes] = {
    "etc/waagent.conf": f"# comment\nExtensions.Enabled=y\nLogs.Console = y\nHttpProxy.Host=user:{SECRET}@10.20.0.250\nHttpProxy.Port=3128\n",
    "etc/os-release": 'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nID=ubuntu\n',
    "etc/sysconfig/network/ifcfg-wlan0": f"BOOTPROTO=dhcp\nWPA_PSK={SECRET}\nIEEE_8021X_PASSWORD={SECRET}\n",
    "etc/network/interfaces": f"auto eth0\niface eth0 inet dhcp\n  wpa-psk {SECRET}\n",
    "etc/NetworkManager/system-connections/vpn.nmconnection": f"[ipv4]\nmethod=auto\n[wireguard-peer.x]\npreshared-key={SECRET}\nwep-key0={SECRET}\n",
    "etc/environment": f"DB_PASSWORD={SECRET}\nGITHUB_TOKEN={SECRET}\nhttps_proxy=http://user:{SECRET}@10.20.0.250:3128\n",
    "etc/NetworkManager/system-connections/wifi.nmconnection": f"[connection]\nid=wifi\n[wifi-security]\npsk={SECRET}\n",
    "etc/init.d/waagent": "#!/bin/sh\n",
    "etc/rc3.d/S90waagent": "",
    "var/lib/waagent/WireServerEndpoint": "168.63.129.16",
    "var/lib/waagent/ExtensionsConfig.1.xml": (
        f"<Extensions><StatusUploadBlob statusBlobType='BlockBlob'>https://md-real0001.z1.blob.storage.azure.net/x?sv=1&amp;sig={SECRET}</StatusUploadBlob>"
        f"<RuntimeSettings>{{'protectedSettings': '{SECRET}'}}</RuntimeSettings></Extensions>"
    ),
    f"{HANDLER}/config/HandlerState": "Enabled",
    f"{HANDLER}/config/HandlerStatus": '{"name": "VMSnapshotLinux", "status": "Ready", "code": 0, "message": "Plugin enabled"}',
    f"{HANDLER}/config/1.settings": f'{{"runtimeSettings": [{{"protectedSettings": "{SECRET}"}}]}}',
    f"{HANDLER}/status/9.status": FAILED.text(),
    f"{HANDLER}/status/10.status": GOOD.changed(x=f"https://a/b?sig={SECRET}"),
    "var/lib/dhcp/dhclient.eth0.leases": 'lease {\n  interface "eth0";\n  fixed-address 10.20.0.4;\n  option unknown-245 a8:3f:81:10;\n  expire never;\n}\n',
    "var/lib/dhcpcd/eth0.lease": bytes(16)
    + bytes([10, 20, 0, 4])
    + bytes(216)
    + b"\x63\x82\x53\x63\xf5\x04\xa8\x3f\x81\x10\xff",
    "boot/vmlinuz-6.8.0-1021-azure": "",
    "proc/sys/kernel/hostname": "fake01\n",
    "proc/sys/kernel/osrelease": "6.8.0-1021-azure\n",
    "proc/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\neth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
    "proc/meminfo": "MemTotal:  8144856 kB\nMemFree:  1204000 kB\nMemAvailable:  5701400 kB\n",
    "proc/stat": "cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n",
    "proc/843/cmdline": b"/usr/bin/python3\0-u\0/usr/sbin/waagent\0-daemon\0",
    "proc/843/environ": f"PATH=/bin\0https_proxy=http://user:a/{SECRET} b@c@10.20.0.250:3128\0TOKEN={SECRET}\0".encode(),
    "proc/1187/cmdline": b"/usr/bin/python3\0-u\0bin/WALinuxAgent-2.15.0.1-py3.12.egg\0-run-exthandlers\0",
    "proc/2000/cmdline": f"/opt/db/server\0--password={SECRET}\0-daemon\0".encode(),
    "proc/2001/cmdline": b"/usr/bin/true\0",
    "sys/class/net/eth0/ifindex": "2\n",
}


def build(root: Path, changes: Mapping[str, str | bytes] | None = None) -> Path:
    """The tree below `root`, with some files changed or added."""
    for name, content in {**FILES, **(changes or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    python = root / "usr/bin/python3"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text("#!/bin/sh\necho Python 3.12.3\n")
    python.chmod(0o755)
    return root


def start(root: Path, shell: str = "sh", *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    """The probe on that tree; network stages go to the discard port unless `variables` say otherwise."""
    environment = {"PATH": os.environ["PATH"], "AVB_ROOT": str(root), **NOWHERE, **variables}
    command = [*shell.split(), str(PROBE), *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=root
    )


def finish(process: subprocess.Popen[bytes]) -> bytes:
    """What it printed; its error output must be empty."""
    out, err = process.communicate(timeout=30)
    assert err == b"", err
    return out
