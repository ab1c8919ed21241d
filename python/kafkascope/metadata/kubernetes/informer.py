"""One collection of a cluster, followed: listed once, then watched; listed again when the watch cannot go on."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from kafkascope.metadata.kubernetes.api import Api, KubernetesError, SilentError

_PAGE = 500
#: The server ends a watch after this long; some spread, so that watches do not all begin again together.
_WATCH_S = (240, 360)
#: A bookmark comes about every minute. When not even that does, the watch is asked for anew: a server that hangs, its connections open, then shows.
_SILENT_S = 90.0
_BACK_OFF_S = (0.5, 30.0)
_OBJECTS = 100_000
_GONE = 410


class Object(Protocol):
    """What a kind of object has at least."""

    @property
    def metadata(self) -> Any: ...


T = TypeVar("T", bound=Object)
#: (before, now): one of them None for an object that is new or gone.
Sink = Callable[[T | None, T | None], None]


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Version(msgspec.Struct):
    class Meta(msgspec.Struct, rename="camel"):
        resource_version: str = ""

    metadata: Meta = msgspec.field(default_factory=Meta)


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class Expired(Exception):
    """The place from which to go on is no longer known to the server (410)."""


class Informer(Generic[T]):
    """Follows ``path`` in a thread until ``stop``. ``sink`` is called in that thread, first for everything that is there.

    ``kind`` is the part of an object that is read; what is not in it is never kept. At most 100,000 objects are followed; ``left_out``
    counts the others. ``problem`` tells why nothing is heard at the moment, empty when all is well.
    """

    def __init__(self, api: Api, path: str, kind: type[T], sink: Sink[T], *, selector: dict[str, str] | None = None, metadata_only: bool = False,
                 log: Callable[[str], None] = lambda _: None, back_off_s: tuple[float, float] = _BACK_OFF_S) -> None:
        self._api = api
        self.path = path
        self._sink = sink
        self._selector = dict(selector or {})
        self._log = log
        self._back_off_s = back_off_s
        self._accept = "application/json"
        self._accept_watch = "application/json"
        if metadata_only:
            self._accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
            self._accept_watch = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
        self._page = msgspec.json.Decoder(msgspec.defstruct("Page", [("metadata", _ListMeta, msgspec.field(default_factory=_ListMeta)), ("items", list[msgspec.Raw] | None, None)]))
        self._object = msgspec.json.Decoder(kind)
        self._event = msgspec.json.Decoder(_Event)
        self._objects: dict[str, T] = {}
        #: The newest place that is known, so that a broken watch goes on where it was.
        self._version = ""
        self._stopped = threading.Event()
        self._end: Callable[[], None] | None = None
        self.synced = threading.Event()
        self.problem = ""
        self.lists = self.watches = self.events = self.bookmarks = self.failures = self.unreadable = self.left_out = 0
        self._thread = threading.Thread(target=self._run, name=f"watch {path.rsplit('/', 1)[-1]}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns at once when the thread hangs in a connection."""
        self._stopped.set()
        if self._end is not None:
            self._end()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        version = ""
        wait_s = self._back_off_s[0]
        while not self._stopped.is_set():
            try:
                if not version:
                    version = self._list()
                    self.synced.set()
                self._well()
                version = self._watch(version)
                wait_s = self._back_off_s[0]
            except Expired:
                version = ""
            except KubernetesError as error:
                if self._stopped.is_set():
                    return
                version = self._version
                self.failures += 1
                text = error.message + (f" ({error.hint})" if error.hint else "")
                if text != self.problem:
                    self._log(text)
                self.problem = text
                # Many clients that lost one server must not come back in one moment.
                self._stopped.wait(wait_s * random.uniform(0.5, 1.0))
                wait_s = min(wait_s * 2, self._back_off_s[1])

    def _well(self) -> None:
        if self.problem:
            self._log(f"{self.path} is followed again")
        self.problem = ""

    def _list(self) -> str:
        """Read everything, page by page, and tell the differences; the version that the list is of."""
        self._version = ""
        found: dict[str, T] = {}
        params: dict[str, Any] = {**self._selector, "limit": _PAGE}
        left_out = 0
        while True:
            try:
                page: Any = self._page.decode(self._api.request("GET", self.path, params=params, accept=self._accept))
            except msgspec.MsgspecError as error:
                raise KubernetesError(f"{self.path}: not a list: {error}") from error
            except KubernetesError as error:
                if error.status == _GONE:
                    raise Expired from error
                raise
            for raw in page.items or ():
                thing = self._decode(raw)
                if thing is None:
                    continue
                if len(found) >= _OBJECTS:
                    left_out += 1
                    continue
                found[thing.metadata.uid] = thing
            if not page.metadata.continue_:
                break
            params["continue"] = page.metadata.continue_
        self.left_out = left_out
        self.lists += 1
        before, self._objects = self._objects, found
        for uid, thing in found.items():
            known = before.get(uid)
            if known is None or known.metadata.resource_version != thing.metadata.resource_version:
                self._sink(known, thing)
        for uid, gone in before.items():
            if uid not in found:
                self._sink(gone, None)
        self._version = str(page.metadata.resource_version)
        return self._version

    def _watch(self, version: str) -> str:
        """Follow from ``version`` until the server ends the watch; where to go on."""
        seconds = random.randint(*_WATCH_S)
        params = {**self._selector, "watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": seconds}
        self.watches += 1
        began = time.monotonic()
        try:
            with self._api.stream(self.path, params, accept=self._accept_watch, read_timeout_s=_SILENT_S) as (lines, self._end):
                for line in lines:
                    if self._stopped.is_set():
                        break
                    if line:
                        self._take(line)
        except SilentError:
            return self._version
        except KubernetesError as error:
            if error.status == _GONE:
                raise Expired from error
            raise
        finally:
            self._end = None
        if time.monotonic() - began < 1 and not self._stopped.is_set():
            # A server that ends every watch at once must not be asked in a circle.
            self._stopped.wait(self._back_off_s[0])
        return self._version

    def _take(self, line: str) -> None:
        try:
            event = self._event.decode(line)
            if event.type == "BOOKMARK":
                self.bookmarks += 1
                self._version = msgspec.json.decode(event.object, type=_Version).metadata.resource_version
                return
            if event.type == "ERROR":
                status = msgspec.json.decode(event.object, type=_Status)
                if status.code == _GONE:
                    raise Expired
                raise KubernetesError(f"{self.path}: {status.message}", status=status.code)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return
        thing = self._decode(event.object)
        if thing is None:
            return
        self.events += 1
        self._version = thing.metadata.resource_version
        uid = thing.metadata.uid
        if event.type == "DELETED":
            gone = self._objects.pop(uid, None)
            if gone is not None:
                self._sink(gone, None)
            return
        known = self._objects.get(uid)
        if known is None and len(self._objects) >= _OBJECTS:
            self.left_out += 1
            return
        self._objects[uid] = thing
        self._sink(known, thing)

    def _decode(self, raw: msgspec.Raw) -> T | None:
        try:
            return self._object.decode(raw)
        except msgspec.MsgspecError as error:
            if not self.unreadable:
                self._log(f"{self.path}: an object has another form than expected: {error}")
            self.unreadable += 1
            return None
