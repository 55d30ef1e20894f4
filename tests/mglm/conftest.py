"""Tests of this room look for our names in fairseq's registries."""

import mclas_fairseq

mclas_fairseq.register()
