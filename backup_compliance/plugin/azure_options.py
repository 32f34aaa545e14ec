"""The command line's options about Azure, and what they ask to be read and judged."""

from __future__ import annotations

import re
from typing import Final

import pytest

from backup_compliance.catalogue.baselines import CLOUDS
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.judging.selection import Selection
from backup_compliance.model.sanitize import printable
from backup_compliance.platform.estate.resource_types import SUBSCRIPTION_ID
from backup_compliance.platform.request import AzureRequest

_SUBSCRIPTION: Final = re.compile(SUBSCRIPTION_ID)
_GROUP: Final = re.compile(r"[A-Za-z0-9._()-]{1,90}")


def add_azure_options(group: pytest.OptionGroup) -> None:
    """Every option that is about ARM."""
    add = group.addoption
    several = {"action": "append", "default": []}
    add("--subscription", metavar="ID", **several, help="read this Azure subscription; may be repeated")
    add(
        "--management-group",
        metavar="ID",
        **several,
        help="read every subscription below this management group that the credential may see; may be repeated",
    )
    add("--cloud", choices=CLOUDS, default="public", help="which Azure cloud (default: public)")
    add(
        "--arm-endpoint",
        metavar="URL",
        help="use this Azure Resource Manager endpoint instead of the cloud's (https only)",
    )
    add(
        "--metrics-endpoint",
        metavar="URL",
        help="Azure Monitor metrics endpoint to use with --arm-endpoint; contains {region}",
    )
    add(
        "--verify-live",
        action="store_true",
        help="also ask Network Watcher, effective security rules and effective routes where computed egress is not clearly allowed",
    )
    add("--resource-group", metavar="NAME", **several, help="judge virtual machines of this resource group only; globs")
    add("--vm", metavar="NAME_OR_ID", **several, help="judge this virtual machine only; globs, may be repeated")
    add(
        "--tag",
        metavar="KEY=VALUE",
        **several,
        help="judge virtual machines with this tag only; the value may be a glob",
    )


def narrowing_of(config: pytest.Config) -> Selection:
    """Which virtual machines are meant; raises `ConfigurationError` for a tag without a value and for empty names."""
    tags = [tuple(text.partition("=")[::2]) for text in config.getoption("tag")]
    names = (*config.getoption("resource_group"), *config.getoption("vm"))
    if not all(key and value for key, value in tags):
        raise ConfigurationError("--tag: give KEY=VALUE, as in --tag=env=production")
    if not all(name.strip() for name in names):
        raise ConfigurationError("--resource-group, --vm: an empty name means nothing")
    return Selection(
        resource_groups=tuple(config.getoption("resource_group")),
        machines=tuple(name.rstrip("/") for name in config.getoption("vm")),
        tags=tuple((key, value) for key, value in tags),
    )


def azure_request(config: pytest.Config) -> AzureRequest | None:
    """What to read through ARM; None where nothing was named.

    Raises:
        ConfigurationError: what cannot be an id, and options that have nothing to act on.
    """
    subscriptions = [text.strip().lower() for text in config.getoption("subscription")]
    groups = [text.strip() for text in config.getoption("management_group")]
    for name in subscriptions:
        if not _SUBSCRIPTION.fullmatch(name):
            raise ConfigurationError(
                f"--subscription: {printable(name, 60)!r} is no subscription id; `az account list --output table` shows yours"
            )
    for name in groups:
        if not _GROUP.fullmatch(name):
            raise ConfigurationError(
                f"--management-group: {printable(name, 60)!r} is no id of one; `az account management-group list --output table` shows yours"
            )
    if not subscriptions and not groups:
        for option in ("arm_endpoint", "metrics_endpoint", "verify_live"):
            if config.getoption(option):
                name = f"--{option.replace('_', '-')}"
                raise ConfigurationError(f"{name}: there is nothing to ask it for; add --subscription=ID")
        return None
    return AzureRequest(
        subscriptions=list(dict.fromkeys(subscriptions)),
        management_groups=list(dict.fromkeys(groups)),
        cloud=config.getoption("cloud"),
        arm_endpoint=config.getoption("arm_endpoint"),
        metrics_endpoint=config.getoption("metrics_endpoint"),
        verify_live=config.getoption("verify_live"),
    )
