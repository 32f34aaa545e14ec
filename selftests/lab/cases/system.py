"""The guest itself: load, restarts, clock, disk, addresses and leases."""

from __future__ import annotations

from typing import Final

from selftests.lab.table import C, Case, Fault, N, U, case, unchanged

_LEASES: Final = "/var/lib/dhcp/dhclient.eth0.leases"
_FOREIGN: Final = "fixed-address 10.77.9.9;"
"""An address that the interface does not have."""
_FAKETIME: Final = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
_SSHD: Final = "/etc/ssh/sshd_config.d/lab-fault.conf"
_NEWER: Final = "/boot/vmlinuz-$(uname -r | sed 's/^[0-9]*/99/')"


def _lease_file(name: str, change: str) -> Fault:
    return Fault(name, f"cp -a {_LEASES} /run/lab-leases; {change}", f"mv /run/lab-leases {_LEASES}")


# For the programs of the session only: sshd's own sandbox does not bear the library.
CLOCK: Final = Fault(
    "clock is three years behind",
    f"printf 'SetEnv LD_PRELOAD={_FAKETIME} FAKETIME=-1095d FAKETIME_NO_CACHE=1\\n' > {_SSHD}; systemctl reload ssh",
    f"rm {_SSHD}; systemctl reload ssh",
)
EXPIRED: Final = Fault(
    "lease has run out",  # this guest's DHCP client is killed soon after it booted
    seen=f"test \"$(sed -n 's/.*expire [0-9] \\(.*\\);/\\1/p' {_LEASES} | tail -n 1 | tr / -)\" '<' \"$(date -u '+%Y-%m-%d %H:%M:%S')\"",
    within=240,
    final=True,
)
RENEWED: Final = Fault(
    "lease renewed",
    "for i in 1 2; do pkill dhclient; sleep 0.5; dhclient -4 -pf /run/dhclient.eth0.pid -lf /var/lib/dhcp/dhclient.eth0.leases eth0; done",
    seen=f"test \"$(grep -c '^lease' {_LEASES})\" -ge 2",
)
FULL: Final = Fault(
    "disk is full",
    "cat /dev/zero > /var/lab-full; true",
    "rm /var/lab-full",
    seen="! echo x > /var/lab-full2 2>/dev/null",
)
_JOURNAL: Final = (
    "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket systemd-journald.service"
)
READ_ONLY: Final = Fault(
    "root is read-only",
    # whoever has a file open for writing keeps the root writable: the agent, the journal, the DHCP client
    f"systemctl stop walinuxagent {_JOURNAL}; pkill -9 dhclient; sleep 1; mount -o remount,bind,ro /",
    f"mount -o remount,bind,rw /; systemctl start {_JOURNAL} walinuxagent",
    seen="! touch /etc/lab-touched",
)

CASES: Final[tuple[Case, ...]] = (
    case(
        "system1",
        Fault(
            "processor is busy",
            "setsid nice -n 19 stress-ng --cpu 8 --timeout 60 > /dev/null 2>&1 < /dev/null & sleep 1",
            "pkill stress-ng; true",
            alone=True,
        ),
        ("402", N, "the limit is 90 %"),
    ),
    case(
        "system1",
        Fault(
            "memory is full",
            "k=$(awk '/MemTotal/ { t = $2 } /MemAvailable/ { a = $2 } END { print int(a - t / 16) }' /proc/meminfo); "
            "setsid stress-ng --vm 1 --vm-bytes ${k}k --vm-keep --vm-hang 0 --timeout 120 > /dev/null 2>&1 < /dev/null & sleep 3",
            "pkill stress-ng; true",
            seen="awk '/MemTotal/ { t = $2 } /MemAvailable/ { a = $2 } END { exit !(a < t / 11) }' /proc/meminfo",
        ),
        ("403", N, "the limit is 90 %"),
    ),
    case(
        "system1",
        Fault("restart asked for", "touch /run/reboot-required", "rm /run/reboot-required"),
        ("504", N, "/run/reboot-required exists"),
    ),
    case("system1", Fault("newer kernel installed", f"touch {_NEWER}", f"rm {_NEWER}"), ("504", N, "is installed")),
    case(
        "system1",
        Fault(
            "no kernel image anywhere",
            "mkdir /run/lab-boot; mv /boot/vmlinuz-* /run/lab-boot/",
            "mv /run/lab-boot/* /boot/; rmdir /run/lab-boot",
        ),
        ("504", U, "no kernel image"),
    ),
    case("system2", CLOCK, ("101", N, "TLS")),
    case("system2", READ_ONLY, ("201", N, "does not run")),
    case(
        "system2",
        Fault("a second address", "ip addr add 10.77.8.8/16 dev eth0", "ip addr del 10.77.8.8/16 dev eth0"),
        ("404", C),
        ("405", C),
    ),
    unchanged("small-disk", FULL),
    case("short-lease", EXPIRED, ("404", C), ("405", N, "ran out on")),
    case("system3", RENEWED, ("404", C), ("405", C)),
    case(
        "system3",
        _lease_file("lease file is gone", f"rm {_LEASES}"),
        ("404", C),
        ("405", U, "no lease of eth0 was found"),
    ),
    case(
        "system3",
        _lease_file(
            "an older lease without option 245",
            f"{{ sed '/unknown-245/d' /run/lab-leases; cat /run/lab-leases; }} > {_LEASES}",
        ),
        ("405", C),
    ),
    case(
        "system3",
        _lease_file("the newest lease lacks option 245", f"sed '/unknown-245/d' /run/lab-leases >> {_LEASES}"),
        ("405", N, "carries no option 245"),
    ),
    case(
        "system3",
        _lease_file("the lease is for another address", f"sed -i 's/fixed-address .*;/{_FOREIGN}/' {_LEASES}"),
        ("404", C),
        ("405", U),
    ),
    case(
        "system3",
        _lease_file(
            "a newer lease is for another address",
            f"sed -e 's/fixed-address .*;/{_FOREIGN}/' -e '/unknown-245/d' /run/lab-leases >> {_LEASES}",
        ),
        ("405", C),
    ),
    case(
        "system3",
        _lease_file("option 245 is no address", f"sed -i 's/unknown-245 .*;/unknown-245 a8:3f;/' {_LEASES}"),
        ("405", N, "no IPv4 address"),
    ),
)
