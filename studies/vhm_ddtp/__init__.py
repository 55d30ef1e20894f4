"""VHM, its baselines and a control on descriptions of Debian's packages, English to Italian."""
