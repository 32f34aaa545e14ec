"""Names of resources for people: as short as they can be and still be told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from backup_compliance.model.arm_json import last_segment
from backup_compliance.platform.estate.lookup import segment, subscription_of


def short_names(ids: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """A name for people and test ids: the resource's own, with resource group and subscription where others share it.

    Args:
        ids: resource ids as keys of the result.
        names: the spelling of ARM for some of them.
    """
    chosen = {key: _levels(names.get(key, key)) for key in ids}
    level = dict.fromkeys(chosen, 0)
    for _ in range(3):
        taken = Counter(chosen[key][level[key]].casefold() for key in chosen)
        for key in chosen:
            if taken[chosen[key][level[key]].casefold()] > 1:
                level[key] = min(level[key] + 1, 3)
    return {key: chosen[key][level[key]] for key in chosen}


def _levels(resource_id: str) -> tuple[str, str, str, str]:
    name = last_segment(resource_id)
    if resource_id.count("/") == 3:  # a list that was not read, not a resource
        whole = f"{name} of subscription {subscription_of(resource_id)}"
        return whole, whole, whole, resource_id
    group = f"{segment(resource_id, 'resourceGroups')}/{name}"
    return name, group, f"{subscription_of(resource_id)}/{group}", resource_id
