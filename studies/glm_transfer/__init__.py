"""mGLM on package descriptions: from and into languages that were not fine-tuned."""
