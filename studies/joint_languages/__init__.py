"""One decoder for eight languages, on descriptions of Debian's packages."""
