"""Corpora: records and their checks, tokenizers, seeded subsets, the built-in corpus."""
