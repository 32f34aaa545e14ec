"""The resource types that are recorded, by the name of their file, and the right that reading each one takes."""

from __future__ import annotations

from typing import Final

RESOURCE_TYPES: Final = {
    "virtualMachines": "Microsoft.Compute/virtualMachines/read",
    "virtualMachineStatuses": "Microsoft.Compute/virtualMachines/read",
    "instanceViews": "Microsoft.Compute/virtualMachines/read",
    "networkInterfaces": "Microsoft.Network/networkInterfaces/read",
    "networkSecurityGroups": "Microsoft.Network/networkSecurityGroups/read",
    "virtualNetworks": "Microsoft.Network/virtualNetworks/read",
    "routeTables": "Microsoft.Network/routeTables/read",
    "publicIPAddresses": "Microsoft.Network/publicIPAddresses/read",
    "natGateways": "Microsoft.Network/natGateways/read",
    "loadBalancers": "Microsoft.Network/loadBalancers/read",
    "privateEndpoints": "Microsoft.Network/privateEndpoints/read",
    "metrics": "Microsoft.Insights/metrics/read",
    "effectiveRoutes": "Microsoft.Network/networkInterfaces/effectiveRouteTable/action",
    "effectiveSecurityGroups": "Microsoft.Network/networkInterfaces/effectiveNetworkSecurityGroups/action",
    "networkWatchers": "Microsoft.Network/networkWatchers/read",
    "ipFlows": "Microsoft.Network/networkWatchers/ipFlowVerify/action",
    "nextHops": "Microsoft.Network/networkWatchers/nextHop/action",
    "securityAdminRules": "Microsoft.Network/virtualNetworks/listNetworkManagerEffectiveSecurityAdminRules/action",
    "serviceTags": "Microsoft.Network/locations/serviceTags/read",
    "vaults": "Microsoft.RecoveryServices/vaults/read",
    "backupProtectedItems": "Microsoft.RecoveryServices/vaults/backupProtectedItems/read",
    "backupPolicies": "Microsoft.RecoveryServices/vaults/backupPolicies/read",
    "restorePointCollections": "Microsoft.Compute/restorePointCollections/read",
    "restorePoints": "Microsoft.ResourceGraph/resources/read",
    "locks": "Microsoft.Authorization/locks/read",
    "backupJobs": "Microsoft.RecoveryServices/vaults/backupJobs/read",
}
"""ARM's lists, one file each, as REST gives them with all pages in one `value`.

Three are put together from replies of single resources, each reply with the `id` of what was asked:
`instanceViews` (virtual machines with `properties.instanceView`), `effectiveRoutes` (network interfaces with the
reply's `value`) and `securityAdminRules` (virtual networks with the reply's `value`). `serviceTags` is the reply itself.
`metrics` holds the entries of `values` of Azure Monitor's batches, `restorePoints` rows of Resource Graph with their `id`.
"""
ABOUT_OTHERS: Final = (
    *("virtualMachineStatuses", "instanceViews", "effectiveRoutes", "securityAdminRules"),
    *("metrics", "effectiveSecurityGroups", "ipFlows", "nextHops", "restorePoints"),
)
"""Recordings whose entries carry the id of a resource of another list."""
OTHER_RIGHTS: Final = {"subscriptions": "Microsoft.ResourceGraph/resources/read"}
"""Rights to read what is not recorded."""
SUBSCRIPTION_ID: Final = r"[a-z0-9][a-z0-9-]{0,63}"
"""A pattern for ids in lower case."""
ON_REQUEST: Final = ("effectiveSecurityGroups", "networkWatchers", "ipFlows", "nextHops")
"""Read with `--verify-live` only."""
