"""What decoded traffic means: who is behind, since when and why. Functions over rows; nothing here captures, stores or serves."""
