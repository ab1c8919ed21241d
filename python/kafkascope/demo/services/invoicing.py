"""Writes an invoice for every order: group ``invoicing``; slower than orders come while the delay is on."""

from __future__ import annotations

from pathlib import Path

from kafkascope.demo.services.consumer import Handler, broker
from kafkascope.demo.services.web import setting

#: One order of about 200 bytes in this time.
DELAY_S = 0.95
#: Fetched ahead as little as librdkafka allows, so that the delay shows on the wire and not in the client's queue.
SMALL_FETCHES: dict[str, object] = {"max.partition.fetch.bytes": 200, "fetch.max.bytes": 5000, "message.max.bytes": 4000, "queued.min.messages": 1, "queued.max.messages.kbytes": 1,
                                    "fetch.queue.backoff.ms": 50}

if __name__ == "__main__":
    Handler("invoicing", broker(), Path(setting("STATE")) / "invoicing-delay", DELAY_S, SMALL_FETCHES).main()
