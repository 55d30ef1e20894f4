"""Plain tensor code of the models, without registration."""
