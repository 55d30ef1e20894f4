"""Summaries over HTTP: models loaded once that answer many, as docs/serving.md tells."""
