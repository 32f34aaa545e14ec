"""A simulated ARM for every module of self-tests that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from selftests.builders.arm import subscription
from selftests.builders.arm_simulator import ArmSimulator, serving, trusted


@pytest.fixture(scope="module")
def arm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArmSimulator]:
    """One server for all tests of a module: starting and ending one takes half a second."""
    with serving(tmp_path_factory.mktemp("arm")) as found:
        yield found


@pytest.fixture
def simulator(arm_server: ArmSimulator, monkeypatch: pytest.MonkeyPatch) -> ArmSimulator:
    """ARM with one subscription, trusted and signed in to."""
    trusted(arm_server, monkeypatch)
    return arm_server.start(subscription())
