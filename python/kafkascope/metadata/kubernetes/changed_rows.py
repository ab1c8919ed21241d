"""Rows of one table that each tell of one object, and which of them are still to be told."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


class ChangedRows:
    """An object's heartbeat changes the object, but only what changes its row is told. Not thread-safe."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        #: A row that has ended is here only.
        self._untold: dict[str, Row] = {}

    def __bool__(self) -> bool:
        """Whether something is to be told."""
        return bool(self._untold)

    def hear(self, key: str, row: Row | None) -> None:
        """The row that ``key`` has now, None when its object has gone."""
        known = self.rows.get(key)
        if row is None:
            if known is not None:
                self._untold[key] = self.rows.pop(key)
        elif row != known:
            self.rows[key] = self._untold[key] = row

    def tell_all(self) -> None:
        """What was told is to be told again."""
        self._untold.update(self.rows)

    def take(self, now_ns: int) -> list[Row]:
        """What is to be told, as known at ``now_ns``; of what has gone with that as its end."""
        untold, self._untold = self._untold, {}
        return [{**row, "time_": now_ns} if key in self.rows else {**row, "time_": now_ns, "stop_time": now_ns} for key, row in untold.items()]
