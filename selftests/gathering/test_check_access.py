"""`--check-access`: what works and what is missing, before anything is read in earnest."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_compliance.platform.arm.clouds import endpoint_of
from backup_compliance.platform.arm.read import OF_VAULTS, Scope
from backup_compliance.platform.arm.rights import Right, check_rights
from backup_compliance.platform.estate.resource_types import ON_REQUEST, RESOURCE_TYPES
from selftests.builders.arm import READ_AT, SUBSCRIPTION, subscription, vault_id
from selftests.builders.arm_reading import QUICK, located
from selftests.builders.arm_simulator import TOKEN, ArmSimulator, error
from selftests.builders.live_cases import DENYING
from selftests.builders.product import ROOT, Judged, judge
from selftests.builders.programs import needs
from selftests.builders.sample_estate import sample_subscription


def rights(simulator: ArmSimulator, *, live: bool = False) -> dict[str, Right]:
    """What was found out of the only subscription, by action."""
    endpoint = endpoint_of("public", simulator.url, simulator.metrics_url)
    scope = Scope(tuple(simulator.subscriptions), verify_live=live)
    return {right.action: right for right in check_rights(scope, endpoint, QUICK, now=lambda: READ_AT)}


def checked(pytester: pytest.Pytester, *given: str) -> Judged:
    """`pytest --check-access GIVEN`."""
    return judge(pytester, "--check-access", *given)


def test_everything_works(simulator: ArmSimulator) -> None:
    """Each action that reading takes is there and was tried, but the one that nothing there calls for."""
    found = rights(simulator)
    assert set(found) == {action for kind, action in RESOURCE_TYPES.items() if kind not in ON_REQUEST}
    assert {r.action for r in found.values() if not r.tried} == {RESOURCE_TYPES["effectiveRoutes"]}
    assert not any(r.problem for r in found.values())


def test_little_is_asked(simulator: ArmSimulator) -> None:
    """First pages and one of each kind, however large the estate is."""
    simulator.start(sample_subscription()).page_size = 1
    rights(simulator)
    assert len(simulator.asked) < 30
    assert simulator.count("/virtualMachines/[^/]+$") == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/networkSecurityGroups$", "networkSecurityGroups"),
        ("/backupPolicies$", "backupPolicies"),
        ("/locks$", "locks"),
        ("/serviceTags$", "serviceTags"),
        ("/listNetworkManager", "securityAdminRules"),
        ("metrics:getBatch$", "metrics"),
        ("/Microsoft.ResourceGraph/resources$", "restorePoints"),
        ("/virtualMachines/sample$", "instanceViews"),
    ],
)
def test_missing_action_is_named(simulator: ArmSimulator, path: str, kind: str) -> None:
    """It alone, with what ARM said and what to grant."""
    simulator.fail(path, error(403, "AuthorizationFailed"))
    found = rights(simulator)
    assert [action for action, right in found.items() if right.is_missing] == [RESOURCE_TYPES[kind]]
    right = found[RESOURCE_TYPES[kind]]
    assert str(right) == f"MISSING  {right.action}: 403 AuthorizationFailed; grant {right.action} and collect again"


def test_what_cannot_be_tried_is_not_said_to_work(simulator: ArmSimulator) -> None:
    """Without vaults nobody knows whether their items may be read."""
    simulator.start(subscription().put("vaults"))
    found = rights(simulator)
    assert not found[RESOURCE_TYPES["backupProtectedItems"]].tried
    assert str(found[RESOURCE_TYPES["backupPolicies"]]).startswith("-  ")


@pytest.mark.parametrize("status", [404, 429, 500])
def test_what_fails_for_another_reason_is_not_called_missing(simulator: ArmSimulator, status: int) -> None:
    """No right helps against a machine that is gone, or against load."""
    simulator.fail("/locks$", error(status, "Odd"))
    right = rights(simulator)[RESOURCE_TYPES["locks"]]
    assert not right.is_missing
    assert str(right).startswith(f"failed   Microsoft.Authorization/locks/read: {status} Odd")


def test_metrics_beside_another_arm_are_missed(simulator: ArmSimulator) -> None:
    """Nobody said where they are: a reading would not have them."""
    found = {
        right.action: right
        for right in check_rights(
            Scope((SUBSCRIPTION,)), endpoint_of("public", simulator.url), QUICK, now=lambda: READ_AT
        )
    }
    assert "--metrics-endpoint" in str(found[RESOURCE_TYPES["metrics"]])


def test_lists_behind_a_refused_one_are_not_said_to_work(simulator: ArmSimulator) -> None:
    """Their own rights could not be tried."""
    simulator.fail("/vaults$", error(403, "AuthorizationFailed"))
    found = rights(simulator)
    assert all("Microsoft.RecoveryServices/vaults/read" in str(found[RESOURCE_TYPES[k]]) for k in OF_VAULTS)


def test_verifying_is_tried_on_request(simulator: ArmSimulator) -> None:
    """Where there is something to verify."""
    simulator.start(DENYING)
    simulator.fail("/nextHop$", error(403, "AuthorizationFailed"))
    found = rights(simulator, live=True)
    assert str(found[RESOURCE_TYPES["nextHops"]]).startswith("MISSING  ")
    assert found[RESOURCE_TYPES["ipFlows"]].tried
    assert found[RESOURCE_TYPES["ipFlows"]].problem is None


@pytest.mark.parametrize("refused", [False, True], ids=["works", "missing"])
def test_command_says_what_works(simulator: ArmSimulator, pytester: pytest.Pytester, *, refused: bool) -> None:
    """Its status is for scripts; nothing is judged and no report written."""
    if refused:
        simulator.fail("/locks$", error(403, "AuthorizationFailed"))
    judged = checked(pytester, f"--subscription={SUBSCRIPTION}", *located(simulator))
    assert judged.status == int(refused)
    assert f"subscription {SUBSCRIPTION}" in judged.text
    assert "works    Microsoft.Compute/virtualMachines/read" in judged.text
    assert ("MISSING  Microsoft.Authorization/locks/read: 403" in judged.text) is refused
    assert TOKEN not in judged.text
    assert not judged.folder.exists()


@needs("ssh")
def test_hosts_are_tried(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """By reading them: one that cannot be reached says why."""
    judged = checked(pytester, f"--hosts=chroot://{tmp_path},ssh://127.0.0.1:1")
    assert judged.status == 1
    assert "hosts" in judged.text
    assert "MISSING  127.0.0.1:1: it refused the connection" in judged.text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no hosts, subscription or facts were given"),
        (["--facts=samples/facts"], "name what to try"),
        (["--subscription=x", "--arm-endpoint=http://arm.example"], "is no URL https://"),
    ],
)
def test_nothing_to_try_is_wrong_usage(pytester: pytest.Pytester, given: list[str], message: str) -> None:
    """There is no access to check."""
    judged = checked(pytester, *(g.replace("samples", f"{ROOT}/samples") for g in given))
    assert judged.status == pytest.ExitCode.USAGE_ERROR
    assert message in judged.text


def test_subscription_that_is_not_there_is_wrong_usage(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """As when it is read."""
    judged = checked(pytester, "--subscription=0f0f0f0f-5a11-4a11-8a11-5a11ab1e0000", *located(simulator))
    assert judged.status == pytest.ExitCode.USAGE_ERROR
    assert "404 SubscriptionNotFound" in judged.text
    assert vault_id() not in judged.text
