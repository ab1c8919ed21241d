"""The Rust core: capture, decoding, protocol state and rows. Columns are those of ``catalogue()``."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

class CaptureFileError(Exception):
    """A capture file cannot be read; ``args`` is ``(message, hint)``."""

class CaptureError(Exception):
    """This host cannot be captured; ``args`` is ``(message, hint)``."""

class Check(TypedDict):
    """One line of ``doctor()``."""

    name: str
    status: str
    found: str
    hint: str

class Place(TypedDict):
    """A field and its bytes, of ``message_layout()``."""

    path: str
    type: str
    offset: int | None
    length: int | None

class RowBatch:
    """Rows of one table; ``pyarrow.record_batch(batch)`` takes them without a copy."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...
    def __arrow_c_schema__(self) -> Any: ...
    def __len__(self) -> int: ...
    @property
    def table(self) -> str: ...
    @property
    def num_rows(self) -> int: ...

class FilePipeline:
    """Reads capture files, several as one by time, and yields the rows of every table."""

    def __init__(self, paths: Sequence[str | os.PathLike[str]], asid: int = 0) -> None: ...
    def next(self) -> dict[str, RowBatch] | None:
        """The next rows by table, None after the last."""

    def summary(self) -> dict[str, Any]:
        """Counters so far and, under ``warnings``, what a user should know of the files."""

class LivePipeline:
    """Captures this host until closed; a thread decodes, so that a slow reader loses nothing at once."""

    def __init__(
        self,
        source: str = "auto",
        asid: int = 0,
        exclude_pids: Sequence[int] = ...,
        interfaces: Sequence[str] | None = None,
        ring_bytes: int | None = None,
        records_per_s: int | None = None,
    ) -> None: ...
    def poll(self, timeout_ms: int) -> dict[str, RowBatch]:
        """The rows since the last call by table; waits for some, at most the timeout."""

    @property
    def hook(self) -> str:
        """How it captures."""

    def stats(self) -> dict[str, int]:
        """Counters since the start."""

    def learn_topics(self, topics: Iterable[tuple[str, str]]) -> None:
        """Names of topic ids (Kafka's text) from a broker's log directory."""

    def learn_brokers(self, brokers: Iterable[tuple[str, str, int | None]]) -> None:
        """Cluster id and node id of brokers' processes by upid, from their log directories; they hold for as long as no message tells."""

    def close(self) -> None:
        """Ends the capture; rows already taken in can still be polled."""

def catalogue() -> str:
    """The column catalogue's text."""

def decode_files(paths: Sequence[str | os.PathLike[str]], format: str, fd: int) -> dict[str, Any]:
    """Writes every request of capture files to a file descriptor, as "json" or "text" lines; returns a summary."""

def message_layout(
    api_key: int,
    api_version: int,
    response: bool,
    body_json: str,
    client_id: str | None = None,
    size: int | None = None,
) -> list[Place]:
    """Where each field of a message stood on the wire, told from its row's ``req_body`` or ``resp``, in the order of the wire.

    ``path`` is a JSON pointer into the body (fields of the header are ``header/client_id`` and so on, the tagged fields of a struct
    end in ``/_tagged_fields``), ``type`` Kafka's with its encoding (``compact nullable string``). ``offset`` and ``length`` are bytes behind the
    size field, None where they cannot be told: behind masked secrets, or of a body that was cut. ``size`` (``req_bytes`` or ``resp_bytes``)
    tells the length of the only such field, ``client_id`` where a request's body begins ("" for null). ValueError when there is no
    message definition for the version, or the text is no body.
    """

def doctor() -> list[Check]:
    """What this host allows, and what to do about what it does not."""

def build_info() -> str:
    """Version and kind of this build."""
