"""Whether somebody looks: what nobody looks at may come in larger pieces and be judged less often, which costs the host less."""

from __future__ import annotations

import time

#: A page asks again every few seconds, and whoever asked once may ask again.
HELD_S = 15.0


class Audience:
    """Who asked last. Thread-safe."""

    def __init__(self) -> None:
        self._looked_s = float("-inf")

    def look(self) -> None:
        """Somebody asks."""
        self._looked_s = time.monotonic()

    @property
    def present(self) -> bool:
        """Whether somebody asked in the last seconds."""
        return time.monotonic() - self._looked_s <= HELD_S
