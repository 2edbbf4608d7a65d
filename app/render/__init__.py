"""Pictures and clips of recordings, made without a window."""
