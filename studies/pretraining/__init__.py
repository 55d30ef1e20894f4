"""Pretraining mGLM with languages balanced and as they are, at equal updates."""
