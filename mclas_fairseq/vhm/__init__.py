"""VHM, a hierarchical variational model, and its baselines: model, task, loss, latents."""
