"""Whether somebody looks: what nobody looks at may come in larger pieces and be judged less often, which costs the host less."""

from __future__ import annotations

import time

#: A page asks again every few seconds, and whoever asked once may ask again.
HELD_S = 15.0
#: Whoever starts a server is about to look at it.
FIRST_S = 5.0


class Audience:
    """Who asked last. Thread-safe."""

    def __init__(self, first_s: float = FIRST_S) -> None:
        self._until_s = time.monotonic() + first_s

    def look(self) -> None:
        """Somebody asks."""
        self._until_s = time.monotonic() + HELD_S

    @property
    def present(self) -> bool:
        """Whether somebody asked in the last seconds."""
        return time.monotonic() < self._until_s
