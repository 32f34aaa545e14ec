"""Whom a control is about: the fixtures that every control asks for, and what is observed through them."""

from __future__ import annotations

import pytest

from backup_compliance.guest.recording import Guest
from backup_compliance.judging.run import Run
from backup_compliance.model.verdicts import NotApplicable
from backup_compliance.platform.machine import Machine
from backup_compliance.platform.policy import Policy

NO_SUBJECT = "(none)"
"""Stands for a side with nothing to judge, so that each of its controls still has one item to say so."""


class Fixtures:
    """pytest's fixtures that know one run.

    Methods, because a fixture is cheap that asks for nothing but its parameter: pytest looks up all that a fixture asks for,
    for every test, and makes `request` anew.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Nobody is asked yet: what the test before asked for is not this one's evidence."""
        self.run.observing = []

    @pytest.fixture
    def guest(self, guest_name: str) -> Guest:
        """The guest under test, with a fresh memory of what the test asks for."""
        found = self.run.subjects.guest(guest_name)
        self.run.observing = [found]
        return found

    @pytest.fixture
    def machine(self, machine_key: str) -> Machine:
        """The virtual machine under test as ARM knows it, with a fresh memory of what the test asks for."""
        if machine_key == NO_SUBJECT:
            raise NotApplicable("there is no virtual machine in what was read")
        found = self.run.subjects.machine(machine_key)
        self.run.observing = [found]
        return found

    @pytest.fixture
    def machine_around(self, guest_name: str) -> Machine | None:
        """The virtual machine that the guest is inside of; None where none was read, or none that is this guest's."""
        return self.run.subjects.machine_around(guest_name)

    @pytest.fixture
    def guest_inside(self, machine: Machine, machine_key: str) -> Guest | None:
        """The guest inside the virtual machine; None where none was read, or none that is this machine."""
        found: Guest | None = self.run.subjects.guest_of(machine_key)
        if found is not None:
            self.run.observing = [machine, found]
        return found

    @pytest.fixture
    def policy(self, policy_key: str) -> Policy:
        """The backup policy under test, with a fresh memory of what the test asks for."""
        if policy_key == NO_SUBJECT:
            raise NotApplicable("there is no backup policy for virtual machines in what was read")
        found = self.run.subjects.policy(policy_key)
        self.run.observing = [found]
        return found
