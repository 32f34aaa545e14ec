"""The azure-mgmt clients of one subscription, with credential, cloud and our own policies."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from azure.core import AzureClouds
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    ContentDecodePolicy,
    CustomHookPolicy,
    HeadersPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import AzureAuthorityHosts, DefaultAzureCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.core.tools import get_arm_endpoints
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.recoveryservices import RecoveryServicesClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.resource.locks import ManagementLockClient
from requests.adapters import HTTPAdapter

from backup_compliance import __version__
from backup_compliance.configuration import ConfigurationError
from backup_compliance.platform.arm_policies import BoundedRetry, Limits, Pace, Pacing, ReadOnly
from backup_compliance.untrusted import printable

TOKEN_VARIABLE: Final = "ARM_ACCESS_TOKEN"  # noqa: S105  # the name of it
_CLOUDS: Final = {
    "public": (AzureClouds.AZURE_PUBLIC_CLOUD, AzureAuthorityHosts.AZURE_PUBLIC_CLOUD),
    "china": (AzureClouds.AZURE_CHINA_CLOUD, AzureAuthorityHosts.AZURE_CHINA),
    "usgov": (AzureClouds.AZURE_US_GOVERNMENT, AzureAuthorityHosts.AZURE_GOVERNMENT),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where ARM is, whom its tokens are for and who gives them."""

    url: str
    scope: str
    authority: str


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one subscription; all of them send through one connection pool and at one pace."""

    compute: ComputeManagementClient
    network: NetworkManagementClient
    vaults: RecoveryServicesClient
    backup: RecoveryServicesBackupClient
    locks: ManagementLockClient


def endpoint_of(cloud: str, url: str | None = None) -> Endpoint:
    """ARM of a cloud (`public`, `china`, `usgov`), or at `url`, whose host the token is then for.

    Raises:
        ConfigurationError: a URL that is none, or not https: a token must not travel in the clear.
    """
    setting, authority = _CLOUDS[cloud]
    if url is None:
        known = get_arm_endpoints(setting)
        return Endpoint(known["resource_manager"].rstrip("/"), known["credential_scopes"][0], authority)
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigurationError(f"--arm-endpoint: {printable(url, 100)!r} is no URL https://HOST[:PORT][/PATH]")
    return Endpoint(url.rstrip("/"), f"https://{parts.netloc}/.default", authority)


class OneToken:
    """A credential that asks another one once for each audience, however many clients and threads want to know.

    Raises what that one raises. Never prints, logs or keeps a token anywhere but in memory.
    """

    def __init__(self, source: TokenCredential) -> None:
        self._source = source
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:
        """The token for `scopes`; a new one shortly before the old one ends, or where ARM asks for `claims`."""
        with self._lock:
            found = self._tokens.get(scopes)
            if found is None or claims is not None or found.expires_on - time.time() < 300:
                found = self._source.get_token(*scopes, claims=claims, **options)
                self._tokens[scopes] = found
            return found


class GivenToken:
    """A token that the environment holds already; nobody but who put it there knows how long it lasts."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002  # azure-core's signature
        """The token, whatever it is asked for."""
        return AccessToken(self._token, int(time.time()) + 86400)


def find_credential(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> OneToken:
    """The token in `ARM_ACCESS_TOKEN`, or whatever azure-identity finds; asked once, so that none is known before reading.

    Raises:
        ConfigurationError: there is no credential, or it gives no token for this cloud.
    """
    given = environment.get(TOKEN_VARIABLE, "").strip()
    if given and not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", given):
        raise ConfigurationError(f"{TOKEN_VARIABLE} holds no bearer token: blanks, quotes or other signs are in it")
    try:
        source = GivenToken(given) if given else DefaultAzureCredential(authority=endpoint.authority)
        credential = OneToken(source)
        credential.get_token(endpoint.scope)
    except (AzureError, ValueError) as error:
        told = printable(str(error), 300)
        raise ConfigurationError(
            f"--subscription: no token for {endpoint.url}: sign in (`az login`), use a managed identity or set {TOKEN_VARIABLE}: {told}"
        ) from None
    return credential


def open_session(limits: Limits) -> requests.Session:
    """Connections for all clients; proxies and the CA bundle as `requests` takes them from the environment."""
    session = requests.Session()
    session.mount("https://", HTTPAdapter(pool_connections=2, pool_maxsize=limits.connections, pool_block=True))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = lambda request: request  # or an entry in ~/.netrc would take the place of the token
    return session


def open_clients(
    subscription: str, endpoint: Endpoint, credential: TokenCredential, session: requests.Session, limits: Limits
) -> Clients:
    """The clients for `subscription`; nothing is sent yet."""
    pace = Pace(limits)

    def client(kind: Any, *first: Any) -> Any:
        transport = RequestsTransport(
            session=session,
            session_owner=False,
            connection_timeout=limits.connect_timeout,
            read_timeout=limits.read_timeout,
        )
        return kind(
            credential,
            subscription,
            base_url=endpoint.url,
            credential_scopes=[endpoint.scope],
            policies=[
                *first,
                HeadersPolicy(),
                UserAgentPolicy(f"azure-backup-compliance/{__version__}", user_agent_use_env=False),
                ReadOnly(endpoint.url),
                CustomHookPolicy(),  # sees answers after the last retry
                BoundedRetry(limits, pace),
                BearerTokenCredentialPolicy(credential, endpoint.scope),
                Pacing(pace),
            ],
            transport=transport,
        )

    return Clients(
        compute=client(ComputeManagementClient),
        network=client(NetworkManagementClient),
        vaults=client(RecoveryServicesClient),
        backup=client(RecoveryServicesBackupClient),
        locks=client(ManagementLockClient, ContentDecodePolicy()),  # of an older make: it asks for decoded replies
    )
