"""The command line's options about guests in several networks."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from typing import Final

import pytest

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.guest.transport.hosts import Target, check_reachable_apart, has_password
from backup_compliance.model.sanitize import printable

EXPECTED: Final = "--expect-hosts"
WHAT_TO_INSTALL: Final = "--read-on: Dask is not installed here: pip install '.[fleet]' in this project's folder"
_ADDRESS: Final = re.compile(r"(?:tcp|tls)://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")


def add_fleet_options(group: pytest.OptionGroup) -> None:
    """Every option about where guests are read from."""
    group.addoption(
        "--segment",
        metavar="NAME",
        action="append",
        default=[],
        help="read only the hosts of this segment of the hosts file; may be repeated",
    )
    group.addoption(
        EXPECTED,
        metavar="FILE",
        help="hosts file; every host in it without recorded or live facts is reported as an error",
    )
    group.addoption(
        "--read-on",
        metavar="URL",
        help="read guests through the workers of this Dask scheduler (tcp://HOST:8786, tls://HOST:8786); each guest is read by workers of its segment",
    )


def of_segments(targets: Sequence[Target], names: Sequence[str]) -> list[Target]:
    """The hosts of these segments; all of them where none is named.

    Raises:
        ConfigurationError: no host is in a segment of such a name.
    """
    if not names:
        return list(targets)
    known = sorted({t.segment for t in targets if t.segment})
    for name in names:
        if name not in known:
            told = f"there are {', '.join(known[:20])}" if known else "the hosts file names none (SPEC segment=NAME)"
            raise ConfigurationError(f"--segment: no host is in {printable(name, 80)!r}; {told}")
    return [t for t in targets if t.segment in names]


def read_on(config: pytest.Config, targets: Sequence[Target]) -> str:
    """The scheduler to read through; empty for reading from here.

    Raises:
        ConfigurationError: what is no address, what may not travel to it, and hosts that cannot be told apart from here.
    """
    address = config.getoption("read_on")
    if address is None:
        check_reachable_apart(targets)
        return ""
    if not _ADDRESS.fullmatch(address):
        raise ConfigurationError(
            f"--read-on: {printable(address, 80)!r} is no scheduler's address: tcp://HOST:8786 or tls://HOST:8786"
        )
    if any(t.connection == "local" for t in targets):
        raise ConfigurationError("--read-on: local:// would be whichever worker takes it; name that machine instead")
    if config.getoption("collect_logs"):
        raise ConfigurationError("--collect-logs: logs are fetched from here only, without --read-on")
    if address.startswith("tcp:") and (open_ones := [t.name for t in targets if has_password(t.spec)]):
        raise ConfigurationError(
            f"--read-on: the host spec of {', '.join(open_ones[:5])} holds a password, which tcp:// would show to the network; use tls://, or keys on the workers"
        )
    if importlib.util.find_spec("distributed") is None:
        raise ConfigurationError(WHAT_TO_INSTALL)
    return str(address)
