"""Options of decoding, where the Python API has them; declared in `generation/options.py`."""

from mclas_fairseq.generation.options import DecodingOptions as DecodingOptions
from mclas_fairseq.generation.options import search_option as search_option
