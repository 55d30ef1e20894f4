"""What a data-bin is and how it becomes batches, hypotheses and summaries again."""
