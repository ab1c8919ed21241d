"""An agent of a node that there is not: a real one in every respect but its capture, which gives what stdin tells, and its clock.

usage: agent_process.py SERVER NODE KUBECONFIG CLOCK_S LEARNED     each line of stdin is {table: [row, …]}; the topic ids it learned are written to LEARNED
"""

import json
import logging
import queue
import sys
import threading
import time
from pathlib import Path

server, node, kubeconfig, clock_s, learned = sys.argv[1:]
true_time_ns, true_time = time.time_ns, time.time
time.time_ns = lambda: true_time_ns() + int(float(clock_s) * 1e9)
time.time = lambda: true_time() + float(clock_s)

from kafkascope.agent.agent import Agent, Settings  # noqa: E402
from kafkascope.agent.main import own_asid  # noqa: E402
from kafkascope.metadata import rows  # noqa: E402
from kafkascope.metadata.kubernetes.api import Api  # noqa: E402
from kafkascope.metadata.kubernetes.node import NodePods  # noqa: E402


class Told:
    """A capture whose rows come from stdin; the end of stdin is the agent's."""

    hook = "told"

    def __init__(self):
        self.ended = False
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in sys.stdin:
            self.lines.put(line)
        self.lines.put("")

    def poll(self, timeout_ms):
        try:
            line = self.lines.get(timeout=timeout_ms / 1000)
        except queue.Empty:
            return {}
        self.ended = not line
        return {table: rows.build(table, [{**row, "time_": time.time_ns()} for row in some]) for table, some in json.loads(line or "{}").items()}

    def stats(self):
        return {}

    def learn_topics(self, names):
        with Path(learned).open("a") as file:
            file.writelines(f"{topic_id} {name}\n" for topic_id, name in names)

    def learn_brokers(self, brokers):
        """No test asks what a broker said of itself."""

    def close(self):
        """Nothing is held."""


pipeline = Told()
agent = Agent(Settings(server, asid=own_asid(node), node=node), pipeline=pipeline, node_pods=NodePods(Api.connect(kubeconfig), node), log=logging.getLogger("agent"))
while not pipeline.ended:
    agent.round(50)
agent.close()
