"""What helps a summarizer of scientific abstracts to learn another language, from few triples."""
