"""``python -m kafkascope.agent``."""

import sys

from kafkascope.agent.main import main

if __name__ == "__main__":
    sys.exit(main())
