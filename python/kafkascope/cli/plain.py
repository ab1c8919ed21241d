"""Text from strangers, as any terminal may show it."""

from __future__ import annotations


def plain(text: str) -> str:
    """Without characters that move the cursor or turn the writing around: names come from strangers."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)
