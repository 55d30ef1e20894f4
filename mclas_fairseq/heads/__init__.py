"""Attention heads: what they do, which matter, and models without those that do not."""
