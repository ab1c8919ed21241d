"""What a service has done, newest first, kept in a file that all pods of the service share."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from typing import Any

_KEPT = 500


class Ledger:
    """Entries of one service; bounded to the newest 500."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path or os.environ["LEDGER"]
        with self._open() as db:
            db.execute("CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, at REAL, value TEXT)")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=10)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")
        return db

    def add(self, value: dict[str, Any]) -> None:
        with self._open() as db:
            cursor = db.execute("INSERT INTO entry (at, value) VALUES (?, ?)", (time.time(), json.dumps(value)))
            db.execute("DELETE FROM entry WHERE id <= ?", ((cursor.lastrowid or 0) - _KEPT,))
        db.close()

    def newest(self, count: int = 50) -> list[dict[str, Any]]:
        db = self._open()
        rows = db.execute("SELECT at, value FROM entry ORDER BY id DESC LIMIT ?", (count,)).fetchall()
        db.close()
        return [{**json.loads(value), "at": at} for at, value in rows]
