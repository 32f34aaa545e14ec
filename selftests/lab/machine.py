"""Whether this machine can hold the lab, and what it needs to."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from selftests.lab.places import HIERARCHIES

_COMMANDS: Final = {
    **dict.fromkeys(("ip",), "iproute2"),
    **dict.fromkeys(("ssh", "ssh-keygen"), "openssh-client"),
    **dict.fromkeys(("unshare", "setpriv", "nsenter"), "util-linux"),
    "mount": "mount",
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base",
    "tinyproxy": "tinyproxy-bin",
    "lxcfs": "lxcfs",
    "openssl": "openssl",
    "npm": "npm",
    "node": "nodejs",
}


def release() -> str:
    """The distribution and its release, as in `debian 12`."""
    file = Path("/etc/os-release")
    lines = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()
    values = {key: value.strip('"') for key, _, value in lines}
    return f"{values.get('ID', 'unknown')} {values.get('VERSION_ID', '')}".strip()


def lacking() -> list[str]:
    """Why the lab cannot run here, a sentence each; empty if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return ["needs Linux and root: it boots guests in namespaces"]
    if release() != "debian 12":
        return [f"needs Debian 12, this is {release()}"]
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    packages = sorted({package for command, package in _COMMANDS.items() if not shutil.which(command)})
    found = [f"needs packages: apt-get install --no-install-recommends {' '.join(packages)}"] if packages else []
    groups = [str(path) for path in HIERARCHIES.values() if not path.is_dir()]
    if groups:
        found.append(f"needs the control groups of a hybrid machine: {', '.join(groups)} missing")
    found += [f"needs {device}" for device in ("/dev/fuse",) if not Path(device).exists()]
    return found
