"""``px version``."""

from __future__ import annotations

import click

from kafkascope import __version__


@click.command()
def version() -> None:
    """Print the version of px and of its core.

    \b
    Example: px version
    """
    try:
        from kafkascope import _core

        core = _core.build_info()
    except ImportError:
        core = "not built (run `make build`)"
    click.echo(f"px {__version__}, core {core}")
