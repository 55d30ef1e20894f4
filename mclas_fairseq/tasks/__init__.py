"""A door for fairseq's plugin loader, which imports each file of this folder by itself."""
