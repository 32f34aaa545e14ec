"""What workers say of Azure, judged on arrival: an engine that answers as each test wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backup_compliance import __version__
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.fleet import platform
from backup_compliance.fleet.worker_queues import ANY, Job
from backup_compliance.fleet.workers import Fleet
from backup_compliance.platform.request import AzureRequest
from selftests.fleet.test_worker_queues import SHORT, Scripted

ONE, TWO = "5a11ab1e-0000-4000-8000-000000000001", "5a11ab1e-0000-4000-8000-000000000002"


class Asked(Scripted):
    """Workers that hold `azure`, or none."""

    def slots(self) -> dict[str, int]:
        """As many as there are."""
        number = self.manned(0)
        return {"azure": number, ANY: 2}


def _read(request: AzureRequest, answers: dict[str, object]) -> dict[str, Any]:
    """What is read where workers say this of a subscription or group."""

    def answer(job: Job, before: int) -> object:
        return answers.get(job.subject[1], RuntimeError("broken"))

    read = Fleet(Asked(answer), SHORT).read_subscriptions(request, lambda done, of: None)
    return {each.id: each for each in read}


def _says(*ids: str, **more: object) -> dict[str, object]:
    said = {"documents": {"virtualMachines": b'{"value": []}'}, "problems": [], **more}
    return {"version": __version__, "subscriptions": [{"id": i, **said} for i in ids]}


def test_groups_and_subscriptions_come_together_once_each() -> None:
    """What stands below a group and is named too is one subscription."""
    found = _read(AzureRequest([TWO], ["group"]), {TWO: _says(TWO), "group": _says(ONE, TWO)})
    assert list(found) == [TWO, ONE]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "broken"),
        ({"version": "0.0.1"}, "its worker has azure-backup-compliance 0.0.1"),
        (_says(TWO), "answered for other subscriptions, or for none"),
        (_says(), "answered for other subscriptions, or for none"),
        (_says(ONE, problems=[{"type": "zzz", "missing": "x"}]), "nobody asked for"),
        (_says(ONE, documents={"virtualMachines": b"{}"}), "its virtualMachines are no list"),
        (_says(ONE, documents={"virtualMachines": b"["}), "invalid reply from its worker"),
        (
            {"version": __version__, "subscriptions": [{"id": ONE, "documents": {"../x": b""}, "problems": []}]},
            "nobody asked for",
        ),
        ({"version": __version__, "subscriptions": 7}, "invalid reply from its worker"),
    ],
)
def test_subscription_that_no_worker_read_lacks_every_list(answer: object, told: str) -> None:
    """An error of each control that needs one, never an empty subscription."""
    found = _read(AzureRequest([ONE]), {} if answer is None else {ONE: answer})[ONE]
    assert not found.documents
    assert {"virtualMachines", "vaults", "locks"} <= {p.type for p in found.problems}
    assert all(told in p.reason for p in found.problems)


def test_group_that_no_worker_read_ends_the_run() -> None:
    """What is below it is not known."""
    with pytest.raises(ConfigurationError, match="--management-group: group: failed: broken"):
        _read(AzureRequest([], ["group"]), {})


@pytest.mark.parametrize("answer", [_says(), _says(ONE, ONE)])
def test_group_of_nothing_ends_the_run(answer: object) -> None:
    """A worker that names no subscription, or one twice, has not read the group."""
    with pytest.raises(
        ConfigurationError, match="--management-group: group: its worker answered for other subscriptions"
    ):
        _read(AzureRequest([TWO], ["group"]), {TWO: _says(TWO), "group": answer})


def test_secrets_that_a_worker_left_in_are_left_out() -> None:
    """As in what is read from here."""
    machine = b'{"id": "x", "properties": {"userData": "hunter2"}, "resources": [{"properties": {"settings": {"p": "hunter2"}}}]}'
    documents = {
        "virtualMachines": b'{"value": [' + machine + b"]}",
        "vaults": b'{"value": [{"u": "https://a/b?sig=hunter2hunter2"}]}',
    }
    found = _read(AzureRequest([ONE]), {ONE: _says(ONE, documents=documents)})[ONE]
    assert not any(b"hunter2" in text for text in found.documents.values())
    assert not found.problems


def test_scope_of_a_problem_is_printable() -> None:
    """It is printed and saved."""
    problem = {"type": "locks", "missing": "x\x1b[2Jy", "scope": "a\udc80\x1b]0;z\x07b"}
    (found,) = _read(AzureRequest([ONE]), {ONE: _says(ONE, problems=[problem])})[ONE].problems
    assert (found.reason, found.scope) == ("xy", "a b")


def test_worker_without_a_way_into_azure_ends_the_run() -> None:
    """As it would from here, and with whose credential it is."""
    with pytest.raises(ConfigurationError, match="a worker with the resource azure says: no credential"):
        _read(AzureRequest([ONE]), {ONE: {"version": __version__, "error": "no credential"}})


def test_rights_that_nobody_could_try_are_missing() -> None:
    """In a line of their own."""
    fleet = Fleet(Asked(lambda job, before: RuntimeError("broken")), SHORT)
    assert fleet.check_rights(AzureRequest([ONE])) == [(ONE, "MISSING  subscription: failed: broken", False)]


def test_without_such_a_worker_azure_is_asked_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the run says so."""
    monkeypatch.setattr(platform, "LONGEST", 0.1)
    fleet = Fleet(Asked(lambda job, before: None, manned=lambda look: 0), SHORT)
    assert not fleet.asks_azure
    assert fleet.who_asks() == "Azure is asked from here: no worker holds the resource azure"


def test_scheduler_that_says_nothing_of_its_workers_ends_the_run() -> None:
    """Azure is not asked with another credential because nobody answered."""

    class Mute(Asked):
        knows_workers = False

        def slots(self) -> dict[str, int]:
            return {}

    with pytest.raises(ConfigurationError, match="does not say which workers it has"):
        _ = Fleet(Mute(lambda job, before: None), replace(SHORT, start=0.05)).asks_azure


def test_first_worker_may_come_late() -> None:
    """As that of a segment may."""
    looks = iter([{}, {}, {ANY: 4, "azure": 1}])

    class Late(Asked):
        def slots(self) -> dict[str, int]:
            return next(looks)

    assert Fleet(Late(lambda job, before: None), replace(SHORT, start=5)).asks_azure
