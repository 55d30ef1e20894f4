"""Bundles: folders with all that is needed to summarize, to be handed on."""
