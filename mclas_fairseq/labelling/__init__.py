"""Sequence labelling: an encoder, and a label for each word (Ma et al. 2021)."""
