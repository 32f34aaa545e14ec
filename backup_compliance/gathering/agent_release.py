"""The newest released Azure Linux Agent, asked of GitHub on request and remembered in the user's cache.

Optional: without it the baseline's dated value serves. `requests` brings TLS verification, proxies and
CA bundles from the environment.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import msgspec
import platformdirs
import requests
from packaging.version import InvalidVersion, Version

from backup_compliance.catalogue.baselines import Thresholds

RELEASES_URL: Final = "https://api.github.com/repos/Azure/WALinuxAgent/releases"
TIMEOUT: Final = (5.0, 15.0)
SIZE_LIMIT: Final = 4 << 20


class NotRefreshed(Exception):
    """The newest release could not be learned; the text says why."""


class Release(msgspec.Struct, frozen=True):
    """A released version and the day on which it was the newest."""

    version: str
    checked_on: date


class _Entry(msgspec.Struct, frozen=True):
    tag_name: str
    draft: bool = False
    prerelease: bool = False


def cache_file() -> Path:
    """Where the last answer is kept."""
    return platformdirs.user_cache_path("azure-backup-compliance") / "linux-agent-release.json"


def fetch_newest_release(url: str = RELEASES_URL) -> Release:
    """Ask GitHub's releases API and keep the answer in the cache.

    Raises:
        NotRefreshed: no connection, no certificate that verifies, a refusal, or an answer of another shape.
    """
    try:
        with requests.get(
            url, timeout=TIMEOUT, stream=True, headers={"Accept": "application/vnd.github+json"}
        ) as answer:
            answer.raise_for_status()
            body = answer.raw.read(SIZE_LIMIT, decode_content=True)
        entries = msgspec.json.decode(body, type=list[_Entry])
    except (requests.RequestException, OSError) as error:
        raise NotRefreshed(f"{url}: {type(error).__name__}") from error
    except msgspec.DecodeError as error:
        raise NotRefreshed(f"{url}: the answer is no list of releases") from error
    versions = [v for entry in entries if not entry.draft and not entry.prerelease and (v := _version(entry.tag_name))]
    if not versions:
        raise NotRefreshed(f"{url}: no release in the answer")
    release = Release(str(max(versions)), datetime.now(UTC).date())
    _keep(release)
    return release


def _version(tag: str) -> Version | None:
    try:
        return Version(tag.removeprefix("v").removeprefix("WALinuxAgent-"))
    except InvalidVersion:
        return None


def _keep(release: Release) -> None:
    path = cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(release))
    except OSError:
        pass  # a cache that cannot be written costs the next run a request, nothing else


def cached_release() -> Release | None:
    """The last answer, or None where there is none that can be read."""
    try:
        release = msgspec.json.decode(cache_file().read_bytes(), type=Release)
        Version(release.version)
    except (OSError, msgspec.DecodeError, InvalidVersion):
        return None
    return release


def with_release(thresholds: Thresholds, release: Release | None) -> Thresholds:
    """`thresholds` that know of `release`, where it is newer than what they knew."""
    if release is None or Version(release.version) < Version(thresholds.linux_agent_newest):
        return thresholds
    return msgspec.structs.replace(
        thresholds, linux_agent_newest=release.version, linux_agent_newest_date=release.checked_on
    )
