"""The broker's container: settings from the pod's environment, data formatted when new, then the broker in this process's place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kafkascope.demo.broker import Broker, settings
from kafkascope.demo.errors import DemoError
from kafkascope.demo.services.web import setting

DATA = Path("/data")


def main() -> None:
    # The pod's data goes with the pod; the cluster is the same one after it.
    broker = Broker(setting("JAVA"), Path(setting("JARS")), DATA, DATA, setting("CLUSTER_ID"))
    # Its own controller is asked on the loopback: the pod's name resolves only when the pod is known.
    properties = settings(host="0.0.0.0", advertised=setting("ADVERTISED"), port=9092, controller_port=9093, data=DATA / "log")
    properties |= {"controller.quorum.voters": "0@localhost:9093", "listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093"}
    try:
        broker.prepare(properties)
    except DemoError as error:
        sys.exit(f"{error.message}; {error.hint}")
    command = broker.command()
    os.chdir(DATA)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
