"""What leaves Kafkascope for other systems: metrics for Prometheus and OTLP, dashboards and rules as files."""
