"""Metrics with named protocols, intervals, significance, and the scorer that fairseq finds."""
