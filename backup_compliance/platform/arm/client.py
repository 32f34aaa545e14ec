"""The Azure clients of one subscription, with credential, cloud and our own policies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from azure.core.credentials import TokenCredential
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    ContentDecodePolicy,
    CustomHookPolicy,
    HeadersPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.recoveryservices import RecoveryServicesClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.monitor.querymetrics import MetricsClient
from requests.adapters import HTTPAdapter

from backup_compliance import __version__
from backup_compliance.platform.arm.clouds import REGION, CloudEndpoint
from backup_compliance.platform.arm.pace import QUERIES_LEFT, READS_LEFT, ArmLimits, Pace, Pacing
from backup_compliance.platform.arm.policies import BoundedRetry, KnownVersions, ReadOnly
from backup_compliance.platform.arm.replies import Replies, too_long

_QUERIES: Final = (15, 3.0)
"""Resource Graph takes 15 queries in 5 seconds from one user."""


@dataclass(frozen=True)
class Connection:
    """What all clients of a run share: who asks, where, through which connections, how fast."""

    endpoint: CloudEndpoint
    credential: TokenCredential
    session: requests.Session
    limits: ArmLimits
    over: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for answers any more: what is still under way then ends with its next request."""
    _metrics: dict[str, MetricsClient] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pipeline(
        self, url: str, scope: str, pace: Pace, *first: Any, counted_by: tuple[str, ...] = READS_LEFT
    ) -> dict[str, Any]:
        """Our own policies behind `first`, and a transport, in the words of an Azure client's constructor."""
        transport = RequestsTransport(
            session=self.session,
            session_owner=False,
            connection_timeout=self.limits.connect_timeout,
            read_timeout=self.limits.read_timeout,
        )
        policies = [
            *first,
            RequestIdPolicy(),  # polling a long-running operation repeats it
            HeadersPolicy(),
            UserAgentPolicy(f"azure-backup-compliance/{__version__}", user_agent_use_env=False),
            ReadOnly(url, self.over),
            CustomHookPolicy(),  # sees answers after the last retry
            KnownVersions(),
            BoundedRetry(self.limits, pace),
            BearerTokenCredentialPolicy(self.credential, scope),
            Pacing(pace, counted_by),
        ]
        return {"policies": policies, "transport": transport}

    @cached_property
    def graph(self) -> ResourceGraphClient:
        """Resource Graph, which knows all subscriptions; it counts queries by user."""
        at = self.endpoint
        pace = Pace(self.limits, *_QUERIES)
        sending = self.pipeline(at.url, at.scope, pace, ContentDecodePolicy(), counted_by=QUERIES_LEFT)
        return ResourceGraphClient(self.credential, base_url=at.url, credential_scopes=[at.scope], **sending)

    def metrics(self, region: str) -> MetricsClient:
        """Azure Monitor's metrics of a region, at a host and for a token of their own; one client for all who ask."""
        with self._lock:
            if region not in self._metrics:
                url = self.endpoint.metrics_url.replace(REGION, region)
                sending = self.pipeline(url, self.endpoint.metrics_scope, Pace(self.limits))
                self._metrics[region] = MetricsClient(url, self.credential, **sending)
            return self._metrics[region]


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one subscription; all of them send through one connection pool and at one pace."""

    subscription: str
    """Lower case."""
    compute: ComputeManagementClient
    network: NetworkManagementClient
    vaults: RecoveryServicesClient
    backup: RecoveryServicesBackupClient
    locks: ManagementLockClient
    connection: Connection

    def replies(self, kind: str) -> Replies:
        """Takes the replies to one question."""
        return Replies(kind, self.connection.limits.list_bytes)


class _Bounded(HTTPAdapter):
    """Ends a reply that grows beyond all bounds while it is inflated, before it fills the memory."""

    def __init__(self, longest: int, connections: int) -> None:
        self._longest = longest
        super().__init__(pool_connections=16, pool_maxsize=connections, pool_block=True)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """As `requests` does, with another way to the bytes."""
        read = resp.stream

        def stream(*arguments: Any, **named: Any) -> Iterator[bytes]:
            size = 0
            for chunk in read(*arguments, **named):
                size += len(chunk)
                if size > self._longest:
                    resp.close()
                    resp.release_conn()
                    raise too_long(self._longest)
                yield chunk

        resp.stream = stream
        return super().build_response(req, resp)


def open_session(limits: ArmLimits) -> requests.Session:
    """Connections for all clients; proxies and the CA bundle as `requests` takes them from the environment."""
    session = requests.Session()
    session.mount("https://", _Bounded(limits.list_bytes, limits.connections))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = lambda request: request  # or an entry in ~/.netrc would take the place of the token
    return session


def open_clients(subscription: str, connection: Connection) -> Clients:
    """The clients for `subscription`; nothing is sent yet."""
    at = connection.endpoint
    pace = Pace(connection.limits)

    def client(kind: Any, *first: Any) -> Any:
        sending = connection.pipeline(at.url, at.scope, pace, *first)
        return kind(connection.credential, subscription, base_url=at.url, credential_scopes=[at.scope], **sending)

    return Clients(
        subscription=subscription,
        compute=client(ComputeManagementClient),
        network=client(NetworkManagementClient),
        vaults=client(RecoveryServicesClient),
        backup=client(RecoveryServicesBackupClient),
        locks=client(ManagementLockClient, ContentDecodePolicy()),  # of an older make: it asks for decoded replies
        connection=connection,
    )
