"""Kafkascope on a Kubernetes cluster: put there, looked after, removed."""
