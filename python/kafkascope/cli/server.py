"""``px server``: the store and the page, for agents on several hosts."""

from __future__ import annotations

import click

from kafkascope.cli.config import configured
from kafkascope.cli.errors import WRONG_USE, CommandError
from kafkascope.cli.up import default_data, in_memory, listening
from kafkascope.config import Config
from kafkascope.server.security import is_loopback


@click.command()
@configured("server.host", "server.port", "server.ingest", "server.ingest_certificate", "server.ingest_key", "agent.agent_token", "agent.agent_token_file", "store.data", "store.no_data",
            "store.memory_limit", "store.retention_bytes", "store.retention_age", "store.table_retention_bytes", "store.table_retention_age", "store.min_free_bytes", "server.scripts",
            "server.allow_host", "server.token", "server.query_timeout", "server.max_rows", "kubernetes.kubernetes", "kubernetes.kubeconfig", "kubernetes.context")  # fmt: skip
def server(config: Config) -> None:
    """Store what agents send and serve the page; ends with Ctrl-C. Needs no privileges.

    \b
    Examples:
      px server                              agents and browsers of this host
      px server --host 0.0.0.0 --token T --ingest 0.0.0.0:8766 \\
        --ingest-certificate tls.crt --ingest-key tls.key --agent-token-file token
    """
    from kafkascope.server.ingest import Ingest
    from kafkascope.server.main import cluster_api, serve

    host, port = config["server.host"], config["server.port"]
    if not is_loopback(host) and not config["server.token"]:
        raise CommandError(f"{host} is reachable from other hosts and no token is set", "set KAFKASCOPE_TOKEN, or serve on 127.0.0.1", WRONG_USE)
    data = None if in_memory(config) else (config["store.data"] or default_data())
    ingest = Ingest.configured(config)
    with listening(host, port) as listener:
        address, port = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address

        def say() -> None:
            click.echo(f"Kafkascope is at http://{shown}:{port}/ and takes what agents send on {ingest.address}   (Ctrl-C ends it)", err=True)

        serve(config, listener.detach(), ingest, cluster_api(config), data=data, source="agents", ready=say)
