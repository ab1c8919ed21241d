"""Kafkascope: see what happens in Apache Kafka, without touching it."""

__version__ = "0.1.0"
