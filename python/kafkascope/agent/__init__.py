"""Owns a capture, samples the host, ships batches to a store."""
