"""fairseq criterions of the plugin; importing this package registers them."""

from mclas_fairseq.summarization import cross_entropy as summary_cross_entropy
from mclas_fairseq.vhm import elbo as vhm_elbo

__all__ = ["summary_cross_entropy", "vhm_elbo"]
