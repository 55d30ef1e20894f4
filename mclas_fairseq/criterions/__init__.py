"""fairseq criterions of the plugin; importing this package registers them."""

from mclas_fairseq.criterions import summary_cross_entropy, vhm_elbo

__all__ = ["summary_cross_entropy", "vhm_elbo"]
