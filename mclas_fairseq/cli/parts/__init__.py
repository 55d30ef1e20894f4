"""What several commands share, or a command has of its own: groups of flags, places, signals."""
