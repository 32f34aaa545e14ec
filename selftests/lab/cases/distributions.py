"""Distributions that differ: an older and a newer Debian, configuration in other places, Python under another name."""

from __future__ import annotations

from typing import Final

from selftests.lab.cases import network, reading
from selftests.lab.cases.agent import ENDED, FREEZE, THAW, configuration, setting
from selftests.lab.cases.extension import NEVER_FINISHED, NO_MODULE, UNFINISHED, did_not_start, ran, told
from selftests.lab.cases.proxies import at
from selftests.lab.extension import NOT_MENDED_LATER
from selftests.lab.places import EXTENSION, EXTENSION_VERSION
from selftests.lab.table import C, Case, Fault, N, U, case, unchanged, unread
from selftests.lab.variants import CLEAR_LINUX, FLATCAR

_DISABLED: Final = "Extensions.Enabled=n"
_FOLDERS: Final = f"/var/lib/waagent/{EXTENSION}"


def _elsewhere(guest: str, path: str) -> list[Case]:
    """What counts where the agent has its configuration elsewhere, and what does not."""
    stray = "/etc/waagent.conf"
    missing = configuration(f"{path} is missing", f"rm {path}", path)
    return [
        case(guest, setting(_DISABLED, path), ("206", N, _DISABLED)),
        unchanged(guest, Fault("another configuration in /etc", f"echo {_DISABLED} > {stray}", f"rm {stray}")),
        case(guest, missing, ("205", U, "does not exist"), ("206", N, "does not exist")),
    ]


def _proxied(guest: str, path: str) -> Case:
    lines = "".join(f"echo '{line}' >> {path}; " for line in at(3128))
    name = "only through the proxy"
    fault = Fault(
        name,
        f"cp -a {path} /run/lab-agent.conf; {lines}",
        f"mv /run/lab-agent.conf {path}",
        obstacle="proxy_only",
    )
    return case(guest, fault, ("101", C), ("102", C))


_UPDATED: Final = Fault(
    "platform updates the extension to code of before 3.13",
    orders={"extension_version": NOT_MENDED_LATER},
    seen=did_not_start(NOT_MENDED_LATER),
    final=True,
)
_MENDED: Final = Fault(
    "platform updates the extension to code for 3.13",
    orders={"extension_version": EXTENSION_VERSION},
    seen=f'grep -q \'"Ready"\' {_FOLDERS}-{EXTENSION_VERSION}/config/HandlerStatus && grep -q \'"code": "1", \' {_FOLDERS}-{EXTENSION_VERSION}/status/*.status',
    final=True,
)
_NEVER_RAN: Final = Fault(
    "no backup has run yet",
    f"{FREEZE}; mv {_FOLDERS}-{EXTENSION_VERSION}/status /run/lab-status",
    f"mv /run/lab-status {_FOLDERS}-{EXTENSION_VERSION}/status; {THAW}",
)

CASES: Final[tuple[Case, ...]] = (
    case("bullseye", setting(_DISABLED), ("206", N, _DISABLED)),
    case("bullseye", told(300), ("302", N, "pre-script failed")),
    case("bullseye", network.DROPPED, ("101", N, "TCP")),
    case(
        "bullseye",
        Fault("agent stopped", "systemctl stop walinuxagent", "systemctl start walinuxagent", seen=ENDED),
        ("201", N, "does not run"),
    ),
    case("trixie", setting(_DISABLED), ("206", N, _DISABLED)),
    case("trixie", told(121), ("302", N, "fsfreeze failed")),
    case("trixie", NEVER_FINISHED, ("302", N, UNFINISHED)),
    case("trixie", network.INTERCEPTED, ("101", N, "TLS")),
    unread("trixie", reading.LOCKED_OUT, "refused the login"),
    case("trixie", _UPDATED, *((control, N, NO_MODULE) for control in ("301", "302", "304"))),
    case("trixie-networkd", network.FIREWALL, ("103", N, "does not answer on TCP 80"), network.NO_GOAL_STATE),
    case("trixie-networkd", _NEVER_RAN, ("301", U, "3.13"), ("302", U), ("304", U, "3.13")),
    case("trixie-not-mended", _MENDED, ("301", C), ("302", C), ("304", C)),
    *_elsewhere("flatcar", FLATCAR),
    _proxied("flatcar", FLATCAR),
    case("flatcar", told(124), ("302", N, "safefreeze binary is missing")),
    *_elsewhere("clear-linux", CLEAR_LINUX),
    case("platform-python", told(301), ("302", N, "post-script failed")),
    case("platform-python", ran("command came too late", 402, late=150), ("302", N, "started too late")),
)
