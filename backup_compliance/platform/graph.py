"""What Resource Graph is asked: which subscriptions a management group holds, how many restore points there are.

It answers by the thousand and some minutes late, and leaves out without a word what the credential may not see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from azure.core.exceptions import AzureError
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

from backup_compliance.arm_json import NOTHING, as_record, text_at
from backup_compliance.configuration import ConfigurationError
from backup_compliance.platform.arm_client import Clients, Connection
from backup_compliance.platform.arm_pace import Limits
from backup_compliance.platform.arm_questions import Question, hook
from backup_compliance.platform.arm_replies import Replies
from backup_compliance.platform.restore_points import POINTS
from backup_compliance.untrusted import printable
from backup_compliance.verdicts import Unreadable

PAGE: Final = 1000
# without `id` among the columns, and an order, there is no way to a second page
_SUBSCRIPTIONS: Final = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id, subscriptionId | order by id asc"
_RESTORE_POINTS: Final = (
    "resources | where type =~ 'microsoft.compute/restorepointcollections/restorepoints'"
    " | where id contains '/restorePointCollections/AzureBackup_' | project id | order by id asc"
)
_SUBSCRIPTION_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def find_subscriptions(connection: Connection, groups: Sequence[str]) -> tuple[str, ...]:
    """The subscriptions below management groups that the credential may see, lower case.

    Raises:
        ConfigurationError: Resource Graph refused, or shows none: there would be nothing to judge.
    """
    found: dict[str, None] = {}
    for group in groups:
        try:
            rows = _rows(connection.graph, connection.limits, POINTS, query=_SUBSCRIPTIONS, management_groups=[group])
        except (Unreadable, AzureError) as error:
            told = error.missing if isinstance(error, Unreadable) else printable(str(error), 200)
            raise ConfigurationError(
                f"--management-group: {group} cannot be read: {told}; check its id (not its name), the tenant and --cloud, and grant Microsoft.ResourceGraph/resources/read"
            ) from None
        below = [text_at(as_record(json.loads(row)) or NOTHING, "subscriptionId").lower() for row in rows]
        if not below or not all(map(_SUBSCRIPTION_ID.fullmatch, below)):
            raise ConfigurationError(
                f"--management-group: {group} holds no subscription that this credential may see; assign it a role at the management group"
            )
        found.update(dict.fromkeys(below))
    return tuple(found)


def restore_points_question(clients: Clients, subscription: str) -> Question:
    """Every restore point of Azure Backup in a subscription, a thousand in one reply."""
    ask = partial(
        _rows, clients.graph, clients.connection.limits, POINTS, query=_RESTORE_POINTS, subscriptions=[subscription]
    )
    return Question(POINTS, (), ask)


def _rows(graph: ResourceGraphClient, limits: Limits, kind: str, **asked: Any) -> list[bytes]:
    replies = Replies(kind, limits.list_bytes)
    while True:
        options = QueryRequestOptions(top=PAGE, skip_token=replies.next or None, result_format="objectArray")
        graph.resources(QueryRequest(options=options, **asked), raw_response_hook=hook(replies.take_rows))
        if not replies.next or limits.first_page_only:
            return replies.entries
