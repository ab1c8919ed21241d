"""Ships every order at once: group ``shipping``."""

from __future__ import annotations

from kafkascope.demo.services.consumer import Handler, broker

if __name__ == "__main__":
    Handler("shipping", broker()).main()
