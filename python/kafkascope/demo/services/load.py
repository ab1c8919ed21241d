"""Orders through the front, as customers would, at a steady 450 bytes of record batches a second."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
import urllib.request

from kafkascope.demo.services.peers import addresses
from kafkascope.demo.services.web import as_json, serve

BYTES_PER_S = 450
_NAMES = ("Ada Park", "Ben Okoro", "Chen Li", "Dina Haddad", "Emil Novak", "Fatou Diop", "Goro Sato", "Hana Kim")
_ITEMS = ("Torch, 3 LEDs, red", "Tent for two, green", "Rope, 10 mm, 30 m", "Stove, gas, folding", "Map, coast, 1:25000", "Flask, steel, 0.75 l")


def order(front: str) -> int:
    """Order something; the bytes that it took on the broker."""
    body = json.dumps({"name": random.choice(_NAMES), "item": random.choice(_ITEMS), "count": random.randint(1, 9)}).encode()
    request = urllib.request.Request(f"http://{front}/order", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=25) as answer:
        return int(json.load(answer)["bytes"])


def run(stopped: threading.Event) -> None:
    due = time.monotonic()
    while not stopped.is_set():
        try:
            due += order(addresses("apache")[0]) / BYTES_PER_S
        except (OSError, ValueError, KeyError, IndexError) as error:
            print(f"order: {error}", file=sys.stderr, flush=True)
            due = time.monotonic() + 1
        # Time lost while the broker was away is not made up for.
        due = max(due, time.monotonic() - 1)
        stopped.wait(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    ended = threading.Event()
    threading.Thread(target=run, args=(ended,), daemon=True).start()
    serve({("GET", "/healthz"): lambda _: as_json({"ready": True})}, ended)
