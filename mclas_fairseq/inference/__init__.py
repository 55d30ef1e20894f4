"""A loaded system that summarizes, apart from fairseq's own commands."""
