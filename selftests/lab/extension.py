"""A stand-in for the backup extension in the lab's storage: real name, real layout, does as its settings say."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Final

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from selftests.lab.places import ACCOUNT, BLOB_HOST, EXTENSION

VERSIONS: Final = ("1.0.80.0", "1.0.9220.0")
"""The stand-in's versions: one older than the documented minimum, and today's."""
_HANDLER: Final = r"""#!/bin/sh
# Stand-in for VMSnapshotLinux: writes a status file; the settings may ask for an error or a failing start.
here=$(cd "$(dirname "$0")/.." && pwd)
sequence=${ConfigSequenceNumber:-$(ls "$here/config" | sed -n 's/^\([0-9]*\)\.settings$/\1/p' | sort -n | tail -n 1)}
settings=$(cat "$here/config/$sequence.settings" 2>/dev/null)
value() { printf '%s' "$settings" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
mkdir -p /var/log/azure/__EXTENSION__ "$here/status"
echo "$(date -u) $1 $sequence" >> /var/log/azure/__EXTENSION__/extension.log
[ "$1" = enable ] || exit 0
[ -z "$(value exit)" ] || { echo 'told to fail' >&2; exit "$(value exit)"; }
status=$(value status) code=$(value code)
printf '[{"version": "1.0", "timestampUTC": "%s", "status": {"name": "VMSnapshotLinux", "operation": "Enable", "status": "%s", "code": %s, "formattedMessage": {"lang": "en-US", "message": "stand-in"}}}]' \
  "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${status:-success}" "${code:-1}" > "$here/status/$sequence.status"
"""


def package(version: str) -> bytes:
    """The extension's zip archive."""
    start = dict.fromkeys(("install", "uninstall", "update", "enable", "disable"), "main/handle.sh")
    commands = {f"{name}Command": f"{program} {name}" for name, program in start.items()}
    manifest = {
        "name": EXTENSION,
        "version": 1.0,
        "handlerManifest": {**commands, "rebootAfterInstall": False, "reportHeartbeat": False},
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("HandlerManifest.json", json.dumps([manifest]))
        program = zipfile.ZipInfo("main/handle.sh")
        program.external_attr = 0o755 << 16
        archive.writestr(program, _HANDLER.replace("__EXTENSION__", EXTENSION))
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
    names = {version: f"{EXTENSION}__{version}" for version in VERSIONS}
    for version, name in names.items():
        container.upload_blob(name, package(version), overwrite=True)
    locations = {version: f"https://{BLOB_HOST}/ext/{name}" for version, name in names.items()}
    container.upload_blob("manifest.xml", manifest(locations), overwrite=True)
    container.upload_blob("agents.xml", manifest({}), overwrite=True)
    permission = ContainerSasPermissions(read=True, write=True, create=True)
    sas = generate_container_sas(ACCOUNT, "status", key, permission=permission, start="2020-01-01", expiry="2100-01-01")
    return f"https://{BLOB_HOST}/status/vm.status?{sas}"
