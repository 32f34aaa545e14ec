"""Guests and a subscription that try to break out of every report: markup, scripts, ANSI codes, marks, endless lines."""

from __future__ import annotations

from typing import Final

from backup_compliance.gathering.folder import Facts
from backup_compliance.model.recorded import RecordedGuest
from selftests.builders.arm import Subscription, machine, subscription, vm_id
from selftests.builders.recordings import CONF, ubuntu

SCRIPT: Final = "<script>alert(1);window.owned=1</script><img src=x onerror=\"alert(2);window.owned=2\"><svg onload='window.owned=3'>"
BREAKS: Final = "</script></style></template></main>--><!--]]>&amp;&lt;b&gt;\"'`|*_{% raw %}{{ 7*7 }}${7*7}\\u003c"
"""What ends the places that a text may stand in: elements, attributes, templates, Markdown, JSON."""
HOSTILE: Final = f"{SCRIPT}{BREAKS}\u202egnp.exe\u2066\x1b[31mred\x1b]0;title\x07" + "x" * 5000
LINE: Final = "A" * 1_000_000
SHELL: Final = "sample'; touch owned; '$(touch owned)`touch owned`"


def hostile_facts() -> Facts:
    """One guest that lies in every field, one whose output is no output, and their virtual machines."""
    guest = ubuntu("sample", 4).edit("meta", ("hostname=sample", f"hostname={HOSTILE}"))
    guest = guest.config("/etc/waagent.conf", f"{CONF}\nHttpProxy.Host={HOSTILE}\nHttpProxy.Port={HOSTILE}")
    guest = guest.edit(
        "units", ("Restart=always", f"Restart={HOSTILE}"), ("UnitFileState=enabled", f"UnitFileState={HOSTILE}")
    )
    guest = guest.edit("extension", ("Plugin enabled", SCRIPT), ('"Ready"', f'"{SCRIPT}"'))
    guest = guest.edit("config", ("Ubuntu 24.04.3 LTS", HOSTILE)).put(
        "leases", f"/var/lib/dhcp/x.leases:{HOSTILE}{LINE}"
    )
    guest = guest.put("processes", f"scanned 3\nprocess 7 /usr/bin/python3 {HOSTILE}")
    broken = RecordedGuest("web02", HOSTILE.encode() + LINE.encode())
    return Facts((RecordedGuest("web01", guest.output()), broken), (_subscription().recorded(),), label=HOSTILE)


def _subscription() -> Subscription:
    """ARM's messages and tags lie too, and one machine is named after a shell's and a page's worst case."""
    found = subscription("sample", 4)
    status = {"code": HOSTILE, "displayStatus": SCRIPT, "message": HOSTILE + LINE, "time": HOSTILE}
    found = found.set(
        "instanceViews",
        "sample",
        "properties.instanceView.vmAgent",
        {"vmAgentVersion": HOSTILE, "statuses": [status]},
    )
    found = found.set("virtualMachines", "sample", "tags", {HOSTILE: HOSTILE})
    name = f"{SHELL}{SCRIPT.replace('/', '')}"
    stranger = {**machine("stranger", 9), "id": vm_id(name), "name": name}
    return found.add("virtualMachines", stranger)
