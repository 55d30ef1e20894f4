"""Every change to fairseq, one file each."""
