"""Settings, tokenizers and models of the library transformers, by the name of a model or a folder.

All that reads such a model comes through here, so that it is read alike everywhere:

- A folder is read where it is. A name is looked up in the library's local cache first: only what is
  not there is asked of the network, which otherwise costs half a minute of retries for each file on
  a machine without one. All parts of a named model are of one commit.
- No code that comes with a model is run.
- The library's progress bars and load reports are not shown; what matters of them is raised. Two
  things that the library (5.23) accepts are errors here, because what is computed would mean
  nothing: weights that are missing, which it draws at random, and a tokenizer whose files are
  missing, which it replaces by one that knows special pieces only.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.errors import CheckpointError, ConfigError, SetupError, first_line
from mclas_fairseq.extras import require


@dataclass(frozen=True)
class PretrainedSource:
    """A model of transformers, not read yet.

    Attributes:
        name_or_path: a folder, or the name of a model on the hub.
        subject: what errors begin with, as in "encoder 'NAME'".
        given_as: how the user gives a folder instead, as in "--model FOLDER".
        extra: the extra of `setup.py` that installs transformers for this.
        purpose: what needs transformers, as the user calls it.

    Raises:
        ConfigError: it is neither a folder nor a name.
    """

    name_or_path: str
    subject: str
    given_as: str
    extra: str
    purpose: str

    def __post_init__(self) -> None:
        if self.folder is not None:
            return
        name = self.name_or_path
        no_name = not name or name.startswith((".", "/", "~")) or name.count("/") > 1
        if no_name or Path(name).exists():
            raise ConfigError(
                f"{self.subject}: must be a folder or the name of a model, but there is no such"
                f" folder; check the name, or give {self.given_as}"
            )

    @property
    def folder(self) -> Optional[Path]:
        """Where it is; None for a named model."""
        path = os.path.expanduser(self.name_or_path)
        return Path(path) if os.path.isdir(path) else None

    @property
    def name(self) -> str:
        """Its name without folders above it."""
        return self.name_or_path if self.folder is None else self.folder.resolve().name

    @cached_property
    def commit(self) -> Optional[str]:
        """The commit of the hub's repository that all parts are read from; None for a folder.

        Raises:
            SetupError: a named model is neither in the cache nor reachable, or transformers is not
                installed.
        """
        if self.folder is not None:
            return None
        library = self._library()
        find = library.utils.cached_file
        try:
            with _quiet(library):
                return Path(_cache_first(find, self.name_or_path, "config.json")).parent.name
        except Exception as error:  # the network has many errors, without a common base
            raise SetupError(
                f"{self.subject}: a named model must be in the local cache or be downloaded, but"
                f" neither worked ({first_line(error)[:120]}); on a machine with a network run"
                f" 'hf download {self.name_or_path} --local-dir FOLDER', copy the folder here and"
                f" give {self.given_as}"
            ) from error

    @cached_property
    def config(self) -> Any:
        """Its settings, an object of transformers.

        Raises:
            ConfigError: there are no readable settings of a known kind.
            SetupError: as for `commit`.
        """
        read = self._reader("AutoConfig")
        try:
            return read()
        except Exception as error:  # settings of each kind have their own, without a common base
            raise ConfigError(
                f"{self.subject}: must be a model as the library transformers saves one"
                " (config.json, weights, tokenizer files), but its config.json is missing, damaged"
                f" or names no known kind of model ({first_line(error)[:120]}); give"
                f" {self.given_as}, the folder of a model"
            ) from error

    def tokenizer(self, **options: Any) -> Any:
        """Read its tokenizer.

        Args:
            options: of the library's `AutoTokenizer`.

        Raises:
            ConfigError: there is none.
            SetupError: as for `commit`.
        """
        read = self._reader("AutoTokenizer")
        try:
            tokenizer = read(**options)
        except Exception as error:  # tokenizers of each kind have their own errors, as above
            raise self.no_tokenizer() from error
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
            raise self.no_tokenizer()
        return tokenizer

    def no_tokenizer(self) -> ConfigError:
        """The error of a model without a tokenizer that knows text."""
        return ConfigError(
            f"{self.subject}: must come with its tokenizer (tokenizer.json, vocab.txt or a"
            " SentencePiece model), but none can be read; save the tokenizer into the same folder"
        )

    def model(self, auto_class: str, *, dtype: Any, unused: Sequence[str] = ()) -> Any:
        """Read the model with its weights.

        Args:
            auto_class: the library's class that builds it, as in "AutoModel".
            dtype: torch's type of the weights.
            unused: parts of names of weights that may be missing, because nothing reads them.

        Raises:
            CheckpointError: the weights cannot be read safely, some are missing, or they have other
                shapes than the settings say.
            SetupError: as for `commit`.
        """
        read = self._reader(auto_class)
        try:
            model, found = read(dtype=dtype, output_loading_info=True)
        except Exception as error:  # every file format has its own errors, without a common base
            raise CheckpointError(
                f"{self.subject}: must have readable weights that fit its config.json, but has not"
                f" ({first_line(error)[:120]}); copy or download the model again"
            ) from error
        lacking = {*found["missing_keys"], *(key[0] for key in found["mismatched_keys"])}
        missing = sorted(key for key in lacking if not any(part in key for part in unused))
        if missing:
            raise CheckpointError(
                f"{self.subject}: must have all weights of the model, but {len(missing)} are"
                f" missing, such as {missing[0]}; the weights are of another model, copy the right"
                " ones"
            )
        return model

    def _library(self) -> Any:
        return require("transformers", extra=self.extra, purpose=self.purpose)

    def _reader(self, auto_class: str) -> Callable[..., Any]:
        """The library's reader of one part, where to read set."""
        library, commit = self._library(), self.commit
        from_pretrained = getattr(library, auto_class).from_pretrained

        def read(**options: Any) -> Any:
            # Where nothing is said of remote code, the library may ask whether to run it.
            options["trust_remote_code"] = False
            with _quiet(library):
                if self.folder is not None:
                    return from_pretrained(str(self.folder), local_files_only=True, **options)
                return _cache_first(from_pretrained, self.name_or_path, revision=commit, **options)

        return read


def _cache_first(read: Callable[..., Any], *args: Any, **options: Any) -> Any:
    with contextlib.suppress(OSError, ValueError, KeyError, ImportError):
        return read(*args, local_files_only=True, **options)
    return read(*args, **options)


@contextlib.contextmanager
def _quiet(library: Any) -> Iterator[None]:
    log = library.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
