"""ARM's replies, byte for byte: pages put together into one list, or why a list counts as not read.

Pure. A list that is not whole is no list: every doubt about one page takes all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from backup_compliance.model.arm_json import NOTHING, as_record, text_at
from backup_compliance.model.masking import mask_secrets, may_hold_secrets
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable
from backup_compliance.platform.estate.lookup import normalize_id
from backup_compliance.platform.estate.resource_types import OTHER_RIGHTS, RESOURCE_TYPES

OTHER_VERSION: Final = ("InvalidApiVersionParameter", "NoRegisteredProviderFound", "InvalidResourceType")
"""How ARM refuses an API version."""
PAGES: Final = 10_000
"""Of one list; even pages of ten hold an estate then."""
_RIGHTS: Final = {**RESOURCE_TYPES, **OTHER_RIGHTS}
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class _Page(msgspec.Struct, rename="camel"):
    value: list[msgspec.Raw] | None = None
    next_link: str | None = None
    skip_token: str | None = None


class _Object(msgspec.Struct):
    id: Any = None


class _Values(msgspec.Struct):
    values: list[msgspec.Raw]


class _Rows(msgspec.Struct, rename="camel"):
    data: list[msgspec.Raw]
    total_records: int | None = None
    result_truncated: str = ""
    skip_token: str | None = msgspec.field(default=None, name="$skipToken")


class Replies:
    """Takes the replies to one question, page after page; keeps raw entries and nothing else."""

    def __init__(self, kind: str, limit: int) -> None:
        self.kind = kind
        self.entries: list[bytes] = []
        self.next = ""
        """What leads to the page after the last one; empty where there is none."""
        self._limit = limit
        self._size = 0
        self._seen: set[str] = set()

    def take_page(self, status: int, body: bytes) -> None:
        """One page of a list.

        Raises:
            Unreadable: ARM refused it, it is no page, or it leads in a circle.
        """
        page = _decoded(self.take(status, body), _Page)
        if page.value is None:
            raise Unreadable("the reply is no list: it has no `value`", RECOLLECT)
        kept = redact_vm if self.kind == "virtualMachines" else redact
        self.entries += [kept(bytes(entry)) for entry in page.value]
        self._lead_to(page.next_link or page.skip_token or "")

    def _lead_to(self, page: str) -> None:
        self.next = page
        if self.next and self.next in self._seen:
            raise Unreadable("its pages lead in a circle: a page repeats the link to the next one", RECOLLECT)
        self._seen.add(self.next)
        if len(self._seen) > PAGES:
            raise Unreadable(
                f"it has more than {PAGES} pages", "reduce the credential's scope, or run once per subscription"
            )

    def take_values(self, status: int, body: bytes) -> None:
        """A reply of Azure Monitor, whose entries stand in `values`; raises `Unreadable` as `take_page` does."""
        self.entries += [redact(bytes(v)) for v in _decoded(self.take(status, body), _Values).values]

    def take_rows(self, status: int, body: bytes) -> None:
        """A page of Resource Graph; raises `Unreadable` as `take_page` does, and for rows that were cut off."""
        page = _decoded(self.take(status, body), _Rows)
        for row in page.data:
            if not text_at(as_record(json.loads(bytes(row))) or NOTHING, "id"):
                raise Unreadable("Resource Graph gave a row without an id", RECOLLECT)
            self.entries.append(redact(bytes(row)))
        self._lead_to(page.skip_token or "")
        if page.result_truncated.lower() == "true" and not self.next:
            raise Unreadable("Resource Graph cut the result off without a way to the rest", RECOLLECT)
        if not self.next and page.total_records != len(self.entries):
            raise Unreadable(f"Resource Graph counts {page.total_records} rows and gave {len(self.entries)}", RECOLLECT)

    def take_result(self, status: int, body: bytes) -> None:
        """A reply on the way to a long-running operation's result, which is the last one; raises as `take_page` does."""
        if status == 202:
            return
        reply = self.take(status, body)
        if "status" not in object_of(reply):  # how far an operation is, which no result tells
            self.entries = [reply]

    def take(self, status: int, body: bytes) -> bytes:
        """The JSON of one reply, whatever it is; raises `Unreadable` as `take_page` does."""
        if status != 200:
            raise refusal(self.kind, status, body)
        self._size += len(body)
        if self._size > self._limit:
            raise too_long(self._limit)
        text = body.removeprefix(b"\xef\xbb\xbf").strip()
        try:
            text.decode()
        except UnicodeDecodeError:
            raise Unreadable("the reply holds bytes that are no UTF-8", RECOLLECT) from None
        if not text:
            raise Unreadable("the reply is empty", RECOLLECT)
        if text.startswith(b"<"):
            raise Unreadable(
                "the reply is a web page, not JSON", "look for a proxy or gateway that answers in ARM's place"
            )
        return text

    def take_object(self, status: int, body: bytes, about: str = "") -> None:
        """A single resource: that with the id `about`, where one is given; raises `Unreadable` as `take_page` does."""
        entry = self.take(status, body)
        found = _decoded(entry, _Object).id
        if about and not (isinstance(found, str) and normalize_id(found) == normalize_id(about)):
            raise Unreadable("the reply is about another resource, or about none", RECOLLECT)
        self.entries.append(entry)


def too_long(limit: int) -> Unreadable:
    """A list of more bytes than anybody's estate has."""
    return Unreadable(
        f"the list is longer than {limit} bytes", "reduce the credential's scope, or run once per subscription"
    )


def _decoded(text: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise Unreadable(f"the reply is not what ARM documents: {printable(str(error), 120)}", RECOLLECT) from None
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        what = printable(str(error), 120)
        raise Unreadable(f"the reply is cut off or no JSON: {what}", RECOLLECT) from None


def refusal(kind: str, status: int, body: bytes) -> Unreadable:
    """ARM's refusal by status and error code, with what helps against it."""
    try:
        error = as_record((as_record(json.loads(body)) or {}).get("error")) or {}
    except (ValueError, RecursionError):
        error = {}
    told = f"{status} {printable(text_at(error, 'code'), 60)}".strip()
    if status == 401:
        return Unreadable(told, "sign in again: the token is not valid here, or no longer")
    if status == 403:
        return Unreadable(told, f"grant {_RIGHTS[kind]} and collect again")
    if status == 409 and text_at(error, "code") == "MissingSubscriptionRegistration":
        provider = _RIGHTS[kind].partition("/")[0]
        return Unreadable(told, f"register {provider} in that subscription if it is used there: this suite never does")
    if text_at(error, "code") in OTHER_VERSION:
        return Unreadable(told, "this cloud does not know the API version: judge recorded facts of one that it knows")
    if status == 429:
        return Unreadable(told, "collect again later: others use up ARM's reads for this subscription")
    return Unreadable(told, RECOLLECT)


def values_of(reply: bytes) -> list[bytes]:
    """The entries of a reply `{"value": [...]}`; raises `Unreadable` where it is none."""
    page = _decoded(reply, _Page)
    if page.value is None:
        raise Unreadable("the reply is no list: it has no `value`", RECOLLECT)
    if page.next_link or page.skip_token:
        raise Unreadable("the reply is one page of several, and the others are not to be had", RECOLLECT)
    return [redact(bytes(entry)) for entry in page.value]


def object_of(reply: bytes) -> dict[str, Any]:
    """A reply that is one JSON object; raises `Unreadable` where it is none."""
    found: dict[str, Any] = _decoded(reply, dict[str, Any])
    return found


def document(entries: Iterable[bytes]) -> bytes:
    """`{"value": [...]}` of raw entries."""
    return b'{"value": [\n' + b",\n".join(entries) + b"\n]}"


def entry_with(resource_id: str, values: Sequence[bytes]) -> bytes:
    """What was asked of one resource: its `id` and the `value` of the reply."""
    return b'{"id": ' + json.dumps(resource_id).encode() + b', "value": [' + b", ".join(values) + b"]}"


def redact_vm(entry: bytes) -> bytes:
    """A virtual machine without secrets, user data and its extensions' settings, which hold passwords often enough."""
    if b"ettings" not in entry and b"userData" not in entry and b"\\" not in entry:  # the ordinary case
        return redact(entry)
    resource = object_of(entry)
    model = as_record(resource.get("properties"))
    if model is not None:
        model.pop("userData", None)  # type: ignore[attr-defined]  # a record of JSON is a dict
    extensions = resource.get("resources")
    for extension in extensions if isinstance(extensions, list) else ():
        properties = as_record((as_record(extension) or {}).get("properties"))
        if properties is not None:
            for name in ("settings", "protectedSettings"):
                properties.pop(name, None)  # type: ignore[attr-defined]  # a record of JSON is a dict
    return redact(msgspec.json.encode(resource))


def redact_document(kind: str, text: bytes) -> bytes:
    """A whole document of `kind` as it may be kept, whoever read it; raises `Unreadable` where it is none."""
    if kind not in ("virtualMachines", "instanceViews"):
        return redact(text)
    page = _decoded(text, _Page)
    if page.value is None:
        raise Unreadable(f"its {kind} are no list", RECOLLECT)
    return document(redact_vm(bytes(entry)) for entry in page.value)


def redact(entry: bytes) -> bytes:
    """JSON whose strings hold no SAS signature, password in a URL or bearer token; any other as it was."""
    return _STRING.sub(_masked_string, entry) if may_hold_secrets(entry) else entry


def _masked_string(found: re.Match[bytes]) -> bytes:
    token = found.group()
    if len(token) < 8 or not may_hold_secrets(token):
        return token
    try:
        text = json.loads(token)
    except ValueError:
        return token
    safe = mask_secrets(text)
    return token if safe == text else json.dumps(safe).encode()
