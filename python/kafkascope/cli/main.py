"""``px``: the process."""

from __future__ import annotations

import signal


def main() -> None:
    """Entry point of the ``px`` and ``kafkascope`` programs."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        # Until somebody can tell how a command ends, ctrl-c ends it as it does any program: a trace of what was being imported is of no use.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kafkascope.cli import program

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    program.run()


if __name__ == "__main__":
    main()
