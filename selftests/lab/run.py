"""Runs the product against the lab's guests, one run for many faults, and keeps what it said."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from selftests.builders.product import judge_apart
from selftests.lab import wire
from selftests.lab.fabric import Fabric, ip
from selftests.lab.guests import WAITING, Running, wait_for
from selftests.lab.places import KEYS, RUN, SHARE
from selftests.lab.table import AS_BEFORE, NUMBER, OTHERS, Case, Expectation, Row, Seen, compare

T = TypeVar("T")
ASIS: Final = Expectation(OTHERS, AS_BEFORE)
ALL: Final = 65536
"""The weight of a guest that takes the whole machine, whoever else is on it."""
TIMEOUT: Final = 25
"""Seconds that the product gives a guest; a probe takes 12 at most."""
AT_ONCE: Final = 8
"""Guests that are read at once: two cores serve all of them."""
_RUNS: Final = {"settings", "late", "presnapshot", "dosnapshot", "disks"}
"""Orders that decide how a backup ends: the guest is itself again once a later one ended well."""
_SSH: Final = """\
Host *
  IdentityFile {keys}/login
  IdentitiesOnly yes
  UserKnownHostsFile {run}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
"""


class Lab:
    """The guests, the fabric, and what the product said of each guest when nothing was broken."""

    def __init__(self, fabric: Fabric, guests: dict[str, Running], say: Callable[[str], None]) -> None:
        self.fabric = fabric
        self.guests = guests
        self.say = say
        self.healthy: dict[str, Seen] = {}
        self.runs = 0
        host = (KEYS / "host.pub").read_text()
        (RUN / "known_hosts").write_text(f"* {host}[*]:* {host}")
        hosts = "".join(f"Host {g.name}\n  HostName {g.address}\n" for g in guests.values())
        (RUN / "ssh_config").write_text(hosts + _SSH.format(keys=KEYS, run=RUN))

    def read(self, specs: Sequence[str]) -> dict[str, Seen]:
        """One run of the product; outcome and message of every control, by host."""
        self.runs += 1
        folder = RUN / f"reports-{self.runs}"
        hosts = RUN / "hosts"
        hosts.write_text("\n".join(specs) + "\n")
        options = [f"--hosts-file={hosts}", f"--ssh-config={RUN}/ssh_config", "--fail-on=low", f"--timeout={TIMEOUT}"]
        judged = judge_apart(folder, *options, f"--max-connections={AT_ONCE}", f"--save-facts={folder}-facts")
        if not (folder / "compliance.json").exists():
            raise RuntimeError(f"the product wrote no report: {judged.text[-2000:]}")
        seen: dict[str, dict[str, tuple[str, str]]] = {}
        for finding in judged.document.findings:
            seen.setdefault(finding.resource, {})[finding.control] = (str(finding.outcome), finding.message)
        return dict(seen)

    def first(self, cases: Iterable[Case]) -> list[Row]:
        """Every guest as it is; what is seen is what later rounds are compared with."""
        cases = list(cases)
        self.ready(c.guest for c in cases)
        self.healthy = self.read([c.fault.spec.format(name=c.guest) for c in cases])
        return [row for c in cases for row in compare(c, self.healthy.get(c.guest, {}), self.healthy.get(c.guest, {}))]

    def round(self, cases: Sequence[Case]) -> list[Row]:
        """Applies a fault to each guest, reads all of them, takes the faults back."""
        started = time.monotonic()
        self.ready(c.guest for c in cases)
        failed = {c: error for c, error in zip(cases, _each(self.apply, cases), strict=True) if error}
        applied = time.monotonic()
        broken = [c for c in cases if c not in failed]
        found = self.read([c.fault.spec.format(name=c.guest) for c in broken]) if broken else {}
        read = time.monotonic()
        rows = [Row(c, c.expected[0] if c.expected else ASIS, "not broken", str(e)) for c, e in failed.items()]
        rows += [row for c in broken for row in self._judged(c, found)]
        undone = [c for c in cases if not c.fault.final]
        rows += [Row(c, ASIS, "not mended", str(e)) for c, e in zip(undone, _each(self.undo, undone), strict=True) if e]
        self.say(
            f"{len(cases)} guests: {applied - started:.0f} s until broken, {read - applied:.0f} s to read, {time.monotonic() - read:.0f} s to mend"
        )
        return rows

    def _judged(self, case: Case, found: dict[str, Seen]) -> list[Row]:
        """The rows of one case; where they are not as expected, sshd's own words are kept while it is broken."""
        # the host's id is its name, with the port where the spec has one
        name = next((n for n in found if re.split(r"[:.]", n)[0] == case.guest), "")
        rows = compare(case, found.get(name, {}), self.healthy.get(case.guest, {}))
        if any(not row.holds and "error" in (row.outcome, row.expected.outcome) for row in rows):
            self.say(f"{case.guest}, {case.fault.name}: not as expected; {self.guests[case.guest].sshd_log()}")
        return rows

    def ready(self, names: Iterable[str]) -> None:
        """Until each of them is as it should be."""
        errors = [e for e in _each(Running.wait_until_ready, [self.guests[n] for n in names]) if e]
        if errors:
            raise errors[0]

    def apply(self, case: Case) -> None:
        """Breaks what the case breaks, and waits until it is broken."""
        guest, fault = self.guests[case.guest], case.fault
        if fault.alone:
            guest.share(ALL)
        if fault.apply:
            guest.run(fault.apply)
        if fault.obstacle:
            self.fabric.obstruct(fault.obstacle, guest.address)
        number = self._order(guest, fault.orders) if fault.orders else 0
        if fault.unplugged:
            ip(f"link set {guest.link} down")
        if seen := fault.seen.replace(NUMBER, str(number)):
            wait_for(
                lambda: guest.run(seen, check=False).returncode == 0,
                f"{case.guest}: {fault.name} did not take hold: {seen}",
                fault.within,
            )
        if fault.user:
            self._log_in(guest, fault.user)

    def _log_in(self, guest: Running, user: str) -> None:
        """Waits until a user can log in; tells what sshd said where that was not at once."""
        command = ["ssh", "-F", f"{RUN}/ssh_config", f"{user}@{guest.name}", "true"]
        for attempt in range(10):
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
            if done.returncode == 0:
                return
            self.say(f"{guest.name}: login of {user} refused, attempt {attempt + 1}: {done.stderr.strip()}")
            self.say(guest.sshd_log())
            time.sleep(1)
        raise RuntimeError(f"{user} cannot log in: {done.stderr.strip()}")

    def undo(self, case: Case) -> None:
        """Takes it back."""
        guest, fault = self.guests[case.guest], case.fault
        if fault.unplugged:
            ip(f"link set {guest.link} up")
        if fault.undo:
            guest.run(fault.undo)
        if fault.alone:
            guest.share(SHARE)
        if fault.obstacle:
            self.fabric.obstruct(fault.obstacle, guest.address, on=False)
        if fault.orders:
            settings = guest.guest.orders or wire.Orders()
            original = {name: getattr(settings, name) for name in fault.orders}
            number = self._order(guest, original)
            if settings.extension and fault.orders.keys() & _RUNS:
                done = f'grep -q \'"code": "1"\' /var/lib/waagent/*VMSnapshotLinux-*/status/{number}.status && grep -q \'"Ready"\' /var/lib/waagent/*VMSnapshotLinux-*/config/HandlerStatus'
                wait_for(
                    lambda: guest.run(done, check=False).returncode == 0,
                    f"{guest.name}: the extension did not recover",
                    WAITING,
                )

    def _order(self, guest: Running, changes: object) -> int:
        assert isinstance(changes, dict)
        before = self.fabric.orders[guest.address]
        orders = replace(before, incarnation=before.incarnation + 1, issued=0, **changes)
        self.fabric.order(guest.address, orders)
        return orders.incarnation


def _each(action: Callable[[T], None], items: Iterable[T]) -> list[Exception | None]:
    """The action on each of them side by side; its error for each, None where it went well."""

    def attempt(item: T) -> Exception | None:
        try:
            action(item)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            return error
        return None

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(attempt, items))


def write_table(lines: Sequence[str], target: Path) -> None:
    """The printed table, kept as a file, too."""
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
