"""Round-trip corpora: summaries translated there and back, and kept where that preserved them."""
