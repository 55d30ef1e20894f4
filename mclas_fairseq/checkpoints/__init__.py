"""Checkpoints: read safely, handed to other processes, copied whole or not at all."""
