"""`python -m mclas_fairseq` is `mclas`."""

import sys

from mclas_fairseq.cli import main

sys.exit(main())
