"""fairseq models of the plugin; importing this package registers them."""
