"""What several controls of a virtual machine ask for first."""

from __future__ import annotations

import pytest

from backup_compliance.platform.decisions import agent_of, check_runs
from backup_compliance.platform.facts import AgentView, InstanceView
from backup_compliance.platform.machine import Machine
from backup_compliance.verdicts import Unreadable


@pytest.fixture
def agent(machine: Machine) -> AgentView:
    """What the agent of a running VM reports; not applicable to one that does not run."""
    check_runs(machine.power)
    return agent_of(machine.instance)


@pytest.fixture
def reported(machine: Machine) -> InstanceView | None:
    """The instance view, where there is one."""
    try:
        return machine.instance
    except Unreadable:
        return None
