"""The terminal's faces: live requests as lines, and scripts as a live screen. They ask a server's API, or a capture file in memory."""
