"""Pods, services, nodes and owners from the Kubernetes API's watch."""
