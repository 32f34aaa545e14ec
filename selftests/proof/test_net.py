"""The net: a few damaged copies of every recording, and proof that a hole would be seen."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from backup_compliance.model.verdicts import Outcome
from selftests.builders.arm import rule, security_group, subscription
from selftests.builders.recordings import ubuntu
from selftests.proof import net
from selftests.proof.bases import GuestBase, PlatformBase, guest_bases, platform_bases, read_for
from selftests.proof.damage import Damage
from selftests.proof.direct import controls

DENIED = subscription().put("networkSecurityGroups", security_group("apps-nsg", rule("Deny", 100, "Deny")))
DENIED_BASE = PlatformBase("denied", DENIED.recorded(), only="AVB-111")
OFF = GuestBase("off", ubuntu().config("/etc/waagent.conf", "Logs.Verbose=n\nExtensions.Enabled=n").output())


@pytest.mark.parametrize("quarter", range(4))
def test_no_sample_of_damage_makes_a_failure_pass(quarter: int) -> None:
    """Three copies of every recording by a fixed seed; `make proof` judges all of them."""
    bases = net.every_base()[quarter::4]
    caught = net.sample(quarter, copies=3, bases=bases)
    assert caught.judged > 2 * len(bases)
    assert not caught.holes, "\n".join(map(str, caught.holes))


def test_recordings_show_every_control_failing() -> None:
    """A control that no recording fails is damaged in vain."""
    failing = {c for base in guest_bases() for c in base.bad}
    failing |= {case.control for base in platform_bases() for case in base.bad()}
    assert failing == {asked.id for asked in controls()}


def test_hole_is_seen_where_no_page_excuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deny rule that is not there is a documented answer; without that page it is a hole."""
    count, holes = net.holes_on_platform(DENIED_BASE)
    assert count > 100
    assert {h.place for h in holes} >= {"networkSecurityGroups/value/*/properties/securityRules/*"}
    with_page, without = net.Caught(), net.Caught()
    with_page.take(count, holes)
    monkeypatch.setattr(net, "legal_absences", lambda: ())
    without.take(count, holes)
    assert (with_page.holes, bool(without.holes), without.holds) == ([], True, False)


def test_hole_of_a_guest_is_seen() -> None:
    """A switch whose line is gone is on by default; the damage that did it is named."""
    _, holes = net.holes_of_guest(OFF)
    (found,) = (h for h in holes if h.edit == "remove line" and h.control == "AVB-206")
    assert (found.was, found.became) == (Outcome.NON_COMPLIANT, Outcome.COMPLIANT)
    assert found.place == "config: /etc/waagent.conf:Extensions.Enabled=n"


def test_what_passes_without_damage_is_not_asked_again() -> None:
    """Only controls that said that something is wrong can be made to pass."""
    healthy = GuestBase("healthy", ubuntu().output())
    damage = Damage("everything", "remove")
    assert net.holes_of_guest(healthy, [(damage, lambda: ubuntu().output())]) == (1, [])


def test_documents_that_nobody_reads_are_left_alone() -> None:
    """Security groups are read for AVB-111, backup jobs are not."""
    (case,) = DENIED_BASE.bad()
    read = read_for(DENIED_BASE, case)
    assert "networkSecurityGroups" in read
    assert "backupJobs" not in read


def test_lists_say_what_is_documented_and_what_is_open() -> None:
    """Each entry once, each documented one with an address; an open one has none."""
    legal, still_open = net.legal_absences(), net.open_holes()
    ids = [a.id for a in (*legal, *still_open)]
    assert len(ids) == len(set(ids))
    assert all("https://" in a.page or a.page.startswith("README") for a in legal)
    assert not [a.id for a in still_open if a.page]
    known = {asked.id for asked in controls()}
    for entry in (*legal, *still_open):
        assert set(entry.controls) <= known, entry.id
        assert re.compile(entry.place)


def test_open_hole_fails_the_proof_and_an_unused_entry_does_too() -> None:
    """`make proof` is only well when nothing is open and nothing is excused in vain."""
    entry = net.open_holes()[0] if net.open_holes() else None
    caught = net.Caught()
    assert caught.unused
    assert not caught.holds
    if entry is not None:
        hole = net.Hole("b", entry.controls[0], "error", "compliant", "empty part", "config")
        caught.take(1, [hole] if entry.covers(hole) else [])
        assert len(caught.known) == entry.covers(hole)


def test_walk_of_several_documents_of_one_base_is_whole() -> None:
    """What is read of a subscription without problems covers its own lists only."""
    silent = replace(DENIED_BASE, only="AVB-999")
    assert net.holes_on_platform(silent) == (0, [])
