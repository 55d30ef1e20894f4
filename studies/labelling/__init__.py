"""Which heads of a labeller can go: the study of Ma et al. (2021), small."""
