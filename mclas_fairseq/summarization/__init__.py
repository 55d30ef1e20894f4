"""MS, NCLS, NCLS+MS and MCLAS: models, task and loss over documents with summaries."""
