"""Search under constraints: language vocabularies, separator, n-gram blocking, length penalties."""
