"""A model in CTranslate2's form, in the place of one of torch's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import torch
from torch import nn

from mclas_fairseq.ctranslate.files import FOLDER, MAP_FILE
from mclas_fairseq.ctranslate.search import Ct2Search
from mclas_fairseq.ctranslate.symbols import Symbols
from mclas_fairseq.ctranslate.threads import Threads, open_threads
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.grammar import SummaryGrammar
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.generation.word_limit import ShortensSummaries


class Ct2Network(nn.Module):
    """What a summarizer holds of a bundle in CTranslate2's form; it has no parameters of torch's.

    Args:
        folder: the bundle.
        forms: that it has, that which is used unless told otherwise first.
        symbols: rows of the model.
        max_positions: most tokens that the decoder reads.

    Raises:
        CheckpointError: the files are not of these symbols.
    """

    def __init__(
        self, folder: Path, forms: Sequence[str], symbols: Symbols, max_positions: int
    ) -> None:
        super().__init__()
        self.forms, self._folder = tuple(forms), folder
        self._symbols, self._max_positions = symbols, max_positions
        self._translator: Optional[Threads] = None
        for form in forms:
            path = folder / FOLDER / form / MAP_FILE
            if path.read_text(encoding="utf-8") != symbols.vocabulary_map():
                raise CheckpointError(
                    f"bundle {folder}: {FOLDER}/{form}/{MAP_FILE} must list the bundle's language"
                    " vocabularies, but lists others; export it again with mclas export"
                )

    def check_form(self, form: str) -> None:
        """Refuse a form that the bundle has not.

        Raises:
            ConfigError: naming those that it has.
        """
        if form not in self.forms:
            raise ConfigError(
                f"precision {form}: the bundle {self._folder} has CTranslate2's form in"
                f" {', '.join(self.forms)}; choose among those, or export it again with --forms"
                f" {','.join([*self.forms, form])}"
            )

    def open(self, form: str, device: str) -> None:
        """Load the weights of a form; threads are as many as torch has.

        Raises:
            ConfigError: the bundle has no such form.
            CheckpointError: CTranslate2 cannot open it.
        """
        self.check_form(form)
        place = self._folder / FOLDER / form
        self._translator = open_threads(
            place, threads=torch.get_num_threads(), device=device, form=form
        )

    def search(
        self,
        grammar: SummaryGrammar,
        options: DecodingOptions,
        *,
        text: ShortensSummaries,
        start: int,
    ) -> Ct2Search:
        """What summarizes with this model, once it is open; see `Ct2Search`."""
        assert self._translator is not None, "open it first"
        return Ct2Search(
            self._translator,
            self._symbols,
            grammar,
            options,
            text=text,
            start=start,
            max_positions=self._max_positions,
        )
