"""What Resource Graph is asked: which subscriptions a management group holds, how many restore points there are.

It answers by the thousand and some minutes late, and leaves out without a word what the credential may not see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.model.arm_json import NOTHING, as_record, text_at
from backup_compliance.platform.arm.client import Clients, Connection
from backup_compliance.platform.arm.queries import ArmQuery, take_reply
from backup_compliance.platform.arm.query_runner import Answers, QueryRunner
from backup_compliance.platform.arm.replies import Replies
from backup_compliance.platform.estate.resource_types import SUBSCRIPTION_ID
from backup_compliance.platform.estate.restore_points import POINTS

PAGE: Final = 1000
SUBSCRIPTIONS: Final = "subscriptions"
# without `id` among the columns, and an order, there is no way to a second page
_SUBSCRIPTIONS: Final = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id, subscriptionId | order by id asc"
_RESTORE_POINTS: Final = (
    "resources | where type =~ 'microsoft.compute/restorepointcollections/restorepoints'"
    " | where id contains '/restorePointCollections/AzureBackup_' | project id | order by id asc"
)


def find_subscriptions(connection: Connection, groups: Sequence[str], asking: QueryRunner) -> tuple[str, ...]:
    """The subscriptions below management groups that the credential may see, lower case.

    Raises:
        ConfigurationError: Resource Graph refused, or shows none: there would be nothing to judge.
    """
    found: dict[str, None] = {}
    for group in groups:
        answers = Answers()
        ask = partial(_rows, connection, SUBSCRIPTIONS, query=_SUBSCRIPTIONS, management_groups=[group])
        asking.ask([(answers, ArmQuery(SUBSCRIPTIONS, (), ask))])
        for problem in answers.problems:
            raise ConfigurationError(
                f"--management-group: {group} cannot be read: {problem.reason}; {problem.remedy}; check its id (not its name), the tenant and --cloud"
            )
        below = list(_ids(answers.entries[SUBSCRIPTIONS]))
        if not below or not all(map(re.compile(SUBSCRIPTION_ID).fullmatch, below)):
            raise ConfigurationError(
                f"--management-group: {group} holds no subscription that this credential may see; assign it a role at the management group"
            )
        found.update(dict.fromkeys(below))
    return tuple(found)


def _ids(rows: Iterable[bytes]) -> Iterator[str]:
    for row in rows:
        yield text_at(as_record(json.loads(row)) or NOTHING, "subscriptionId").lower()


def restore_points_question(clients: Clients) -> ArmQuery:
    """Every restore point of Azure Backup in a subscription, a thousand in one reply."""
    here = [clients.subscription]
    return ArmQuery(POINTS, (), partial(_rows, clients.connection, POINTS, query=_RESTORE_POINTS, subscriptions=here))


def _rows(connection: Connection, kind: str, **asked: Any) -> list[bytes]:
    replies = Replies(kind, connection.limits.list_bytes)
    while True:
        options = QueryRequestOptions(top=PAGE, skip_token=replies.next or None, result_format="objectArray")
        take_reply(partial(connection.graph.resources, QueryRequest(options=options, **asked)), replies.take_rows)
        if not replies.next or connection.limits.first_page_only:
            return replies.entries
