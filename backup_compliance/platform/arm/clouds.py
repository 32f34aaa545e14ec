"""Where Azure's services are in each cloud, whom their tokens are for, and who gives these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from azure.core import AzureClouds
from azure.identity import AzureAuthorityHosts
from azure.mgmt.core.tools import get_arm_endpoints

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.model.sanitize import printable

_CLOUDS: Final = {
    "public": (AzureClouds.AZURE_PUBLIC_CLOUD, AzureAuthorityHosts.AZURE_PUBLIC_CLOUD, "metrics.monitor.azure.com"),
    "china": (AzureClouds.AZURE_CHINA_CLOUD, AzureAuthorityHosts.AZURE_CHINA, "metrics.monitor.azure.cn"),
    "usgov": (AzureClouds.AZURE_US_GOVERNMENT, AzureAuthorityHosts.AZURE_GOVERNMENT, "metrics.monitor.azure.us"),
}
REGION: Final = "{region}"


@dataclass(frozen=True, slots=True)
class CloudEndpoint:
    """Where ARM and Azure Monitor are, whom their tokens are for and who gives them."""

    url: str
    scope: str
    authority: str
    metrics_url: str = ""
    """Of Azure Monitor's metrics, with `{region}` in it; empty where nobody said where they are."""
    metrics_scope: str = ""


def endpoint_of(cloud: str, url: str | None = None, metrics_url: str | None = None) -> CloudEndpoint:
    """ARM of a cloud (`public`, `china`, `usgov`), or at `url`, whose host the token is then for.

    Metrics lie at another host for each region; beside another ARM they are only where `metrics_url` says so.

    Raises:
        ConfigurationError: a URL that is none, or not https: a token must not travel in the clear.
    """
    setting, authority, host = _CLOUDS[cloud]
    metrics = (f"https://{REGION}.{host}", f"https://{host}/.default") if url is None else ("", "")
    if metrics_url is not None:
        shared = _checked("--metrics-endpoint", metrics_url.replace(f"{REGION}.", "").replace(REGION, ""))
        metrics = (metrics_url.rstrip("/"), f"https://{shared}/.default")
    if url is None:
        known = get_arm_endpoints(setting)
        return CloudEndpoint(known["resource_manager"].rstrip("/"), known["credential_scopes"][0], authority, *metrics)
    return CloudEndpoint(url.rstrip("/"), f"https://{_checked('--arm-endpoint', url)}/.default", authority, *metrics)


def _checked(option: str, url: str) -> str:
    """Host and port of a URL that a token may travel to."""
    wrong = ConfigurationError(f"{option}: {printable(url, 100)!r} is no URL https://HOST[:PORT][/PATH]")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise wrong
    return parts.netloc
