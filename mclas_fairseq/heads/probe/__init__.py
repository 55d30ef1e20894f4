"""What the heads of a decoder do: they translate, summarize, look at neighbours (MCLAS, part 6)."""
