"""The lab's certificates and ssh keys, made once and kept beside the root file systems that trust them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme

from selftests.lab.places import KEYS

NAMES = ("*.blob.core.windows.net", "*.queue.core.windows.net")


def make() -> None:
    """The keys that are missing."""
    KEYS.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("login", "host", "stranger"):
        if not (KEYS / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", KEYS / name], check=True)
    for name in ("ca", "other-ca"):
        if not (KEYS / f"{name}.key").exists():
            authority = trustme.CA(organization_name=f"Lab {name}")
            authority.cert_pem.write_to_path(KEYS / f"{name}.pem")
            authority.private_key_pem.write_to_path(KEYS / f"{name}.key")


@cache
def _authority(name: str) -> trustme.CA:
    return trustme.CA.from_pem((KEYS / f"{name}.pem").read_bytes(), (KEYS / f"{name}.key").read_bytes())


def certificate() -> bytes:
    """The CA that every guest trusts, PEM."""
    return (KEYS / "ca.pem").read_bytes()


def issue(folder: Path, name: str, authority: str = "ca") -> tuple[Path, Path]:
    """A certificate chain for the storage names and its key; valid from yesterday, for what a wrong clock breaks."""
    leaf = _authority(authority).issue_cert(*NAMES, not_before=datetime.now(UTC) - timedelta(days=1))
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(key)
    return chain, key
