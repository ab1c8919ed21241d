"""The demo on a Kubernetes cluster."""
