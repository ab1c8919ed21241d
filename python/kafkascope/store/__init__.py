"""Rows, hot and on disk, and the engine that answers SQL over them."""
