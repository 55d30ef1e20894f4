"""MCLAS's claims on descriptions of Debian's packages, whose summaries people wrote."""
