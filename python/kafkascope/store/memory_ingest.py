"""The store's side of the link from an agent on the same host: batches in shared memory."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafkascope.shared_memory import Place, accepted, lines, read, say
from kafkascope.store.intake import Intake, Line, Tag
from kafkascope.tokens import Token

#: Agents at once; there is one on a host, and a second while it is replaced.
_AGENTS = 16
_CLOSE_S = 3.0
_AGAIN_S = 0.2


class SharedMemoryServer:
    """Takes what agents of this host hand over until ``close``; ``path`` is the Unix socket. Raises ``OSError``."""

    def __init__(self, path: Path, intake: Intake, token: Token | None = None) -> None:
        self._path = path
        self._intake = intake
        self._token = token
        self._lock = threading.Lock()
        self._agents: dict[socket.socket, threading.Thread] = {}
        self._closing = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(str(path))
            self._socket.listen(_AGENTS)
        except OSError:
            self._socket.close()
            raise
        self._thread = threading.Thread(target=self._accept, name="ingest-memory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end the agents' connections."""
        with self._lock:
            self._closing = True
            ends = [self._socket, *self._agents]
            threads = [self._thread, *self._agents.values()]
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_CLOSE_S)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                agent, _ = self._socket.accept()
            except OSError:
                if self._closing:
                    return
                time.sleep(_AGAIN_S)  # too many files are open
                continue
            with self._lock:
                if self._closing or len(self._agents) >= _AGENTS:
                    agent.close()
                    continue
                thread = self._agents[agent] = threading.Thread(target=self._serve, args=(agent,), name="ingest-memory", daemon=True)
            thread.start()

    def _serve(self, agent: socket.socket) -> None:
        file = None
        try:
            file = accepted(agent)
            line = Line()
            with contextlib.closing(lines(agent)) as messages:
                for message in messages:
                    if file is None or self._closing:
                        return
                    say(agent, self._answer(file, message, line))
        except OSError:
            # The agent connects again and sends what has no answer; it says so where that is not over soon.
            return
        finally:
            if file is not None:
                os.close(file)
            with self._lock:
                self._agents.pop(agent, None)
            agent.close()

    def _answer(self, file: int, message: bytes, line: Line) -> dict[str, Any]:
        """``answers`` to all of a window's batches, or why it ``failed``; then the agent sends them by another way."""
        try:
            fields = json.loads(message)
            if self._token and not self._token.fits(str(fields.get("token", ""))):
                return {"failed": "the agent's token is missing, wrong or revoked"}
            return {"answers": [self._take(file, batch, line) for batch in fields["batches"]]}
        except (KeyError, TypeError, AttributeError):
            failed = "not a window of batches: is the agent of another version?"
        except (ValueError, OSError) as error:
            failed = str(error)
        self._intake.count(refused=1)
        return {"failed": failed}

    def _take(self, file: int, fields: Mapping[str, Any], line: Line) -> dict[str, Any]:
        tag = Tag.of(fields)
        return self._intake.take(str(fields["table"]), tag, read(file, Place(int(fields["at"]), int(fields["length"]))), line)
