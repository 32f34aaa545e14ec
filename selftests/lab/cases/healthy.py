"""What the product says of every guest before anything is broken: the other half of the table."""

from __future__ import annotations

from typing import Final

from selftests.lab.cases.extension import NO_MODULE
from selftests.lab.table import HEALTHY, NA, WINDOWS_ONLY, C, Case, E, Fault, N, U, case
from selftests.lab.variants import GUESTS

Expected = tuple[str, str] | tuple[str, str, str]
# Debian's agent 2.7.3.0 as it is packaged: not restarted after a crash, and it does not update itself.
_DEBIAN: Final[dict[str, Expected]] = {
    **{
        c: (c, C)
        for c in (
            "101",
            "103",
            "104",
            "201",
            "202",
            "204",
            "206",
            "207",
            "301",
            "302",
            "304",
            "402",
            "403",
            "404",
            "405",
            "504",
        )
    },
    "102": ("102", NA, "no proxy is set"),
    **{c.removeprefix("AVB-"): (c.removeprefix("AVB-"), NA, "covers Windows guests") for c in WINDOWS_ONLY},
    "203": ("203", N, "Restart=no"),
    "205": ("205", N, "AutoUpdate.Enabled=n"),
}
_NONE: Final = ("405", N, "carries no option 245")
_WRONG: Final = ("405", N, "is 10.77.0.99, the agent uses 168.63.129.16")
_NO_TOOL: Final = "no tool that can make an HTTPS request"
_UPDATED: Final[tuple[Expected, ...]] = (("203", C), ("205", C))
"""The agent as upstream installs it."""
_TRIXIE: Final[Expected] = ("205", C)
"""Agent 2.12 updates itself unless it is told not to."""
_DIFFERENT: Final[dict[str, tuple[Expected, ...]]] = {
    "static": (("404", N, "addressed statically"), ("405", N, "no DHCP lease")),
    "networkmanager": _UPDATED,
    "dhclient-none": (_NONE,),
    "dhclient-wrong": (_WRONG,),
    "networkd-none": (_NONE,),
    "networkd-wrong": (_WRONG,),
    "dhcpcd-none": (_NONE,),
    "dhcpcd-wrong": (_WRONG,),
    "networkmanager-none": (*_UPDATED, _NONE),
    "networkmanager-wrong": (*_UPDATED, _WRONG),
    "sysvinit": (("203", N, "Restart=unset"),),
    "bullseye": (("204", N, "the minimum is 2.2.53.1"),),
    "trixie": (_TRIXIE,),
    "trixie-wrong": (_TRIXIE, _WRONG),
    "trixie-networkd": (_TRIXIE,),
    "trixie-networkd-none": (_TRIXIE, _NONE),
    "trixie-not-mended": (_TRIXIE, *((control, N, NO_MODULE) for control in ("301", "302", "304"))),
    "flatcar": _UPDATED,
    "clear-linux": _UPDATED,
    "platform-python": _UPDATED,
    "platform-python-old": (
        *_UPDATED,
        ("301", N, "the minimum is 1.0.91.0"),
        ("302", N, "no python"),
        ("304", N, "no python"),
    ),
    "old-extension": (("301", N, "the minimum is 1.0.91.0"),),
    "no-extension": (("301", NA, "no trace"), ("302", NA, "no trace")),
    "bare": (
        ("101", E, _NO_TOOL),
        ("103", E, _NO_TOOL),
        ("104", U, "no storage endpoint resolves"),
        ("201", N, "does not run"),
        ("204", E, "waagent --version"),
        ("207", E, "waagent --version"),
        ("301", NA, "no trace"),
        ("302", NA, "no trace"),
        ("304", N, "no python"),
    ),
}


def healthy(fault: Fault = HEALTHY) -> list[Case]:
    """Every guest with every control."""
    cases = []
    for guest in GUESTS:
        expected = {**_DEBIAN, **{e[0]: e for e in _DIFFERENT.get(guest.name, ())}}
        cases.append(case(guest.name, fault, *expected.values()))
    return cases
