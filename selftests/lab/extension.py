"""A stand-in for the backup extension in the lab's storage: real name, real layout, reports and crashes as it does.

Its versions' numbers are the lab's. Published ones up to 1.0.9225.0 cannot be imported on Python 3.13.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from selftests.lab.places import ACCOUNT, BLOB_HOST, EXTENSION, EXTENSION_VERSION

_PARTS: Final = Path(__file__).with_name("stand_in")
# Code of before 2026-07: `crypt` is gone from Python 3.13, `distutils` and `imp` from 3.12.
_NOT_MENDED: Final = """\
try:
    import crypt
    from distutils.version import LooseVersion
except ImportError:
    try:
        import imp
    except ImportError as error:
        raise Exception(str(error))
"""


@dataclass(frozen=True)
class Build:
    """What differs between versions of the stand-in."""

    is_mended: bool = True
    """Whether its code can be imported on Python 3.12 and later."""
    asks_the_agent: bool = True
    """Whether its launcher tries /usr/local/bin and the agent's own interpreter, too."""


OLD: Final = "1.0.80.0"
"""Older than the documented minimum."""
NOT_MENDED: Final = "1.0.9210.0"
NOT_MENDED_LATER: Final = "1.0.9250.0"
"""A later number, built from older code: a number alone proves nothing."""
BUILDS: Final[Mapping[str, Build]] = {
    OLD: Build(is_mended=False, asks_the_agent=False),
    NOT_MENDED: Build(is_mended=False),
    EXTENSION_VERSION: Build(),
    NOT_MENDED_LATER: Build(is_mended=False),
}


def package(version: str) -> bytes:
    """The extension's zip archive."""
    start = dict.fromkeys(("install", "uninstall", "update", "enable", "disable"), "main/handle.sh")
    commands = {f"{name}Command": f"{program} {name}" for name, program in start.items()}
    manifest = {
        "name": EXTENSION,
        "version": 1.0,
        "standInVersion": version,
        "handlerManifest": {**commands, "rebootAfterInstall": False, "reportHeartbeat": False},
    }
    build = BUILDS[version]
    launcher = (_PARTS / "handle.sh").read_text()
    if not build.asks_the_agent:
        launcher = launcher.replace(" /usr/local/bin'", "'").replace("ASKS_THE_AGENT=yes", "ASKS_THE_AGENT=no")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("HandlerManifest.json", json.dumps([manifest]))
        program = zipfile.ZipInfo("main/handle.sh")
        program.external_attr = 0o755 << 16
        archive.writestr(program, launcher)
        archive.writestr("main/handle.py", (_PARTS / "handle.py").read_text())
        archive.writestr("main/agent_library.py", "" if build.is_mended else _NOT_MENDED)
    return content.getvalue()


def manifest(entries: dict[str, str]) -> str:
    """A list of versions and where each is, as the agent downloads it."""
    plugins = "".join(f"<Plugin><Version>{v}</Version><Uris><Uri>{u}</Uri></Uris></Plugin>" for v, u in entries.items())
    return f'<?xml version="1.0" encoding="utf-8"?><PluginVersionManifest><Plugins>{plugins}</Plugins><InternalPlugins/></PluginVersionManifest>'


def publish(key: str, certificate: str) -> str:
    """Everything the agents download, put into storage; returns where they may put their status (a SAS URL)."""
    service = BlobServiceClient(
        f"https://{BLOB_HOST}", {"account_name": ACCOUNT, "account_key": key}, connection_verify=certificate
    )
    for name in ("ext", "status"):
        try:
            service.create_container(name, public_access="blob")
        except ResourceExistsError:
            continue
    container = service.get_container_client("ext")
    names = {version: f"{EXTENSION}__{version}" for version in BUILDS}
    for version, name in names.items():
        container.upload_blob(name, package(version), overwrite=True)
    locations = {version: f"https://{BLOB_HOST}/ext/{name}" for version, name in names.items()}
    container.upload_blob("manifest.xml", manifest(locations), overwrite=True)
    container.upload_blob("agents.xml", manifest({}), overwrite=True)
    permission = ContainerSasPermissions(read=True, write=True, create=True)
    sas = generate_container_sas(ACCOUNT, "status", key, permission=permission, start="2020-01-01", expiry="2100-01-01")
    return f"https://{BLOB_HOST}/status/vm.status?{sas}"
