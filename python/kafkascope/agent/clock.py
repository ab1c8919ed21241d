"""How far this host's clock is from the server's."""

from __future__ import annotations

from collections import deque

_SAMPLES = 64
#: A difference below this limits no latency that is shown.
NOTABLE_NS = 5_000_000
_BEGINS = "its clock is "


def among(detail: str) -> str:
    """What an agent's ``md_agent.detail`` tells of its clock; empty when it agrees with the server's well enough."""
    return next((part for part in detail.split("; ") if part.startswith(_BEGINS)), "")


class ClockOffset:
    """Estimates from round trips, as NTP does: the shortest of the last ones is the most exact."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=_SAMPLES)

    def heard(self, sent_ns: int, server_ns: int, received_ns: int) -> None:
        """One round trip: our times when it began and ended, the server's in between (0: it told none)."""
        round_trip = received_ns - sent_ns
        if server_ns > 0 and round_trip >= 0:
            self._samples.append((round_trip, server_ns - (sent_ns + received_ns) // 2))

    @property
    def offset_ns(self) -> int | None:
        """Server's time minus ours; ``None`` while unknown."""
        return min(self._samples)[1] if self._samples else None

    @property
    def error_ns(self) -> int | None:
        """The offset is right to within this."""
        return min(self._samples)[0] // 2 if self._samples else None

    def words(self) -> str:
        """What to tell people; empty when the clocks agree well enough."""
        offset, error = self.offset_ns, self.error_ns
        if offset is None or error is None or abs(offset) <= max(NOTABLE_NS, error):
            return ""
        return f"{_BEGINS}{abs(offset) / 1e6:.0f} ms {'behind' if offset > 0 else 'ahead of'} the server's (±{error / 1e6:.0f} ms)"
