"""The functions of ``px``: what they take and give; how an engine computes them is in ``lower``."""
