"""From a corpus to a data-bin: drives `fairseq-preprocess` and counts what belongs beside it."""
