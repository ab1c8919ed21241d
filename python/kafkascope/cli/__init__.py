"""The commands of ``px``."""
