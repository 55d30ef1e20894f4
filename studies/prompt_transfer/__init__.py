"""Whether prompts carry over to target languages that were not fine-tuned, on toy languages."""
