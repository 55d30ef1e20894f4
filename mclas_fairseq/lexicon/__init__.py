"""Probabilistic bilingual lexicons of pieces, and the word alignment that they come from."""
