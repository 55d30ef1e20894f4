"""What fairseq needs to score while it trains and generates: its scorer, validation by ROUGE."""
