"""The agent's log lines on stderr: text for people, JSON objects for machines."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from typing import Any

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        entry.update(_fields(record))
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextLines(logging.Formatter):
    """``agent: message (field=value …)``, with the level when it is above info."""

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items() if value != "")
        text = f"agent: {level}{record.getMessage()}" + (f" ({fields})" if fields else "")
        return text + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _PLAIN}


def _time(record: logging.LogRecord) -> str:
    return datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def set_up(form: str) -> logging.Logger:
    """The agent's logger, writing ``text`` or ``json`` lines to stderr."""
    logger = logging.getLogger("kafkascope.agent")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger
