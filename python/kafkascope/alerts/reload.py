"""The rules of a running server: their file is read again when it changes."""

from __future__ import annotations

import logging
from pathlib import Path

from kafkascope.alerts.rules import RuleError, RuleFile, load

_LOG = logging.getLogger(__name__)


class RuleWatch:
    """Looks after the file that rules came from. ``problem`` says why its present text is not in force, ``None`` where it is."""

    def __init__(self, rules: RuleFile) -> None:
        self.problem: str | None = None
        self._rules = rules
        self._read: tuple[int, ...] | None = None
        self._seen: tuple[int, ...] | None = None

    def changed(self) -> RuleFile | None:
        """Other rules than before, if the file has such; call it now and then. One that is wrong is told of once, and the rules before it stay."""
        path = self._rules.path
        if path is None:
            return None
        stamp = _stamp(path)
        # What changed a moment ago may still be being written.
        at_rest, self._seen = stamp == self._seen, stamp
        if not at_rest or stamp == self._read:
            return None
        self._read = stamp
        try:
            rules = load(path)
        except RuleError as error:
            self.problem = str(error)
            _LOG.warning("the rules before it stay: %s", error)
            return None
        self.problem = None
        if rules == self._rules:
            return None
        self._rules = rules
        _LOG.warning("%s was read again: %d alerts, %d receivers", path, len(rules.rules), len(rules.notify))
        return rules


def _stamp(path: Path) -> tuple[int, ...]:
    """Another one whenever a file's text is; empty without the file."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
