"""Modules that are not installed and that libraries ask for all the same, again and again."""

from __future__ import annotations

import importlib.util
import sys

#: Arrow wants to know of each value it is given whether it is one of dateutil's time zones.
_ASKED_FOR = ("dateutil",)


def settle() -> None:
    """Have the import system remember that they are not there; it would search the whole path each time. For processes that are Kafkascope's own."""
    for name in _ASKED_FOR:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            # What ``None`` stands for is documented: the import fails at once.
            sys.modules[name] = None  # type: ignore[assignment]
