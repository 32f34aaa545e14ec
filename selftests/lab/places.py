"""Where the lab keeps things, and its addresses. They exist in the lab's own namespaces only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = Path("/var/cache/azure-backup-compliance-lab")
"""Kept between runs: root file systems, azurite, the lab's CA and keys."""
KEYS: Final = CACHE / "keys"
RUN: Final = Path("/run/lab")
"""On a tmpfs that only the lab sees; gone with it."""
CGROUP: Final = "azure-backup-compliance-lab"
HIERARCHIES: Final = {
    n: Path("/sys/fs/cgroup", n) for n in ("systemd", "unified", "cpu", "cpuacct", "cpuset", "memory")
}
"""Control groups of a hybrid machine: two for the guests' systemd, the others for what lxcfs tells of a guest alone."""

SHARE: Final = 16384
"""The weight of the runner, of each guest and of the lab: together they would otherwise weigh as little as any one process."""

HOST_ADDRESS: Final = "168.63.129.16"
IMDS: Final = "169.254.169.254"
PREFIX: Final = "10.77"
"""The guests' network, /16."""
GATEWAY: Final = "10.77.0.1"
RUNNER: Final = "10.77.0.2"
"""Where the product runs and connects from."""
PROXY: Final = "10.77.0.5"
PROXY_PORT: Final = 3128
PROXY_PASSWORD_PORT: Final = 3129
# Shared address space (RFC 6598) plays the internet: the product tells private addresses apart.
STORAGE: Final = "100.64.0.10"
INTERCEPTOR: Final = "100.64.0.11"
PORTAL: Final = "100.64.0.12"
HIJACKER: Final = "10.77.0.6"
"""A private address that a lying resolver gives for storage."""
ACCOUNT: Final = "lab0001"
BLOB_HOST: Final = f"{ACCOUNT}.blob.core.windows.net"
EXTENSION: Final = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
EXTENSION_VERSION: Final = "1.0.9240.0"
AGENT_VERSION: Final = "2.7.3.0"
"""Debian 12's package; the lab's platform asks for this one unless a guest's row says otherwise."""
UP: Final = CACHE / "up"
"""Made once a lab that only idles is up."""
