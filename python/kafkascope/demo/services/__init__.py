"""The demo's services, each a process of its own: ``python -m kafkascope.demo.services.<name>``."""
