"""`config.json` of a bundle: all that is needed to build the model and to decode, as plain values.

A checkpoint keeps the whole command line of its training: folders, names of files, flags of other
parts. Only the options that the architecture itself declares are taken over, and none of those that
name files; the same list is held to when a bundle is read, so that a setting from elsewhere can
neither travel nor make the model open something. What each may be: `checkpoints/settings.py`.
"""

import dataclasses
import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from torch import Tensor

from mclas_fairseq.bundles.format import CONFIG_FILE, INT8_FILE
from mclas_fairseq.checkpoints.settings import (
    FILE_SETTINGS,
    MAX_POSITIONS,
    UnfitSetting,
    check_sizes,
    declared_options,
    is_ours,
    settle,
)
from mclas_fairseq.ctranslate.files import FORMS
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.options import DecodingOptions, unknown_options

Settings = dict[str, Any]  # plain JSON values

_AGAIN = "get it again from its maker, or make it with mclas export"
# Read from options of the task and the process, never from the model's own.
_NOT_KEPT = frozenset(
    # The last one can name a folder; the encoder's settings travel instead (`pretrained_config`).
    {"help", "max_source_positions", "max_target_positions", "pretrained_encoder"}
)
_OPTIONAL = ("train_tasks", "prompts", "forms")  # not stored where empty
_TRAINED = (["cls"], ["mt", "cls"], ["ms", "cls"], ["mt", "ms", "cls"])
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class BundleConfig:
    """What `config.json` holds.

    Attributes:
        architecture: fairseq's name of it, as given with --arch.
        model: options of the architecture, name -> value.
        target_layout: ms, ncls, ncls_ms or mclas.
        source_lang: language of the documents.
        target_lang: language of the cross-lingual summaries.
        summary_langs: languages of the summaries, in the order in which they are written; where
            one decoder writes several target languages, all of them stand at the end.
        max_source_positions: documents are cut to so many tokens.
        max_target_positions: positions of the decoder.
        dictionary_size: entries of the dictionary, special symbols included.
        dictionary_sha256: fingerprint of the dictionary, see `data_bin.dictionary_fingerprint`.
        tokenizer: name of the tokenizer.
        lowercase: whether text is lower-cased.
        tied_weights: name of a weight -> name of the weight in the file that it is one with.
        decoding: options of `DecodingOptions` that are used when none are given.
        precision: float32 or bfloat16, in which the model decodes; int8: of a bundle with linear
            layers in 8 bits.
        training: how the weights came about (number of updates, seed, ...); for the reader only.
        versions: package name -> version with which the bundle was made.
        train_tasks: what a model of several tasks has learned, some of mt, ms and cls; for other
            models empty, and not stored.
        prompts: of a model that writes behind prompts, language -> its template; for other models
            empty, and not stored.
        forms: of CTranslate2 in which the bundle has the model, that which is used unless told
            otherwise first; of bundles for torch empty, and not stored.
    """

    architecture: str
    model: Settings
    target_layout: str
    source_lang: str
    target_lang: str
    summary_langs: list[str]
    max_source_positions: int
    max_target_positions: int
    dictionary_size: int
    dictionary_sha256: str
    tokenizer: str
    lowercase: bool
    tied_weights: dict[str, str]
    decoding: Settings
    precision: str
    training: Settings = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    train_tasks: list[str] = field(default_factory=list)
    prompts: dict[str, str] = field(default_factory=dict)
    forms: list[str] = field(default_factory=list)

    @property
    def written_langs(self) -> list[str]:
        """Languages that the model can be asked to write; each has a vocabulary in the bundle."""
        monolingual = [self.source_lang] if "ms" in self.train_tasks else []
        return list(dict.fromkeys([*self.summary_langs, *monolingual]))

    @property
    def target_langs(self) -> tuple[str, ...]:
        """Target languages, several where one decoder writes several."""
        if self.target_layout == Layout.NCLS:
            return tuple(self.summary_langs)
        if self.target_layout == Layout.MCLAS:
            return tuple(self.summary_langs[1:])
        return (self.target_lang,)

    def save(self, folder: Path) -> None:
        """Write `config.json`; the same settings give the same bytes."""
        content = dataclasses.asdict(self)
        for name in _OPTIONAL:
            if not content[name]:
                del content[name]
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "BundleConfig":
        """Read the configuration of a bundle that `check_bundle` let pass.

        Raises:
            CheckpointError: it is not of this form, names an architecture that there is not,
                settings that the architecture does not declare, or options of decoding that there
                are not or that are out of range.
        """
        try:
            content: Any = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise _bad(folder, f"is no JSON ({error})") from error
        config = _parse(folder, content)
        _check_architecture(folder, config)
        stored_options(folder, config)
        return config

    def model_args(self, weights: Mapping[str, Tensor]) -> Namespace:
        """The options as fairseq's builder of models takes them; `max_*` are the task's.

        Args:
            weights: of the bundle; a model that would be larger is refused.

        Raises:
            CheckpointError: it would be.
        """
        settled = settle(self.architecture, self.model)
        try:
            check_sizes(settled, {name: tuple(value.shape) for name, value in weights.items()})
        except UnfitSetting as error:
            raise CheckpointError(
                f"its weights must be those that {CONFIG_FILE} describes, but {error}"
            ) from error
        return Namespace(**settled, arch=self.architecture, _name=self.architecture)


def stored_options(folder: Path, config: BundleConfig) -> DecodingOptions:
    """How a bundle decodes unless told otherwise; options newer than it have their defaults.

    Raises:
        CheckpointError: it sets something else, or an option to a value that it may not have.
    """
    if unknown := unknown_options(config.decoding):
        raise CheckpointError(
            f"bundle {folder}: {CONFIG_FILE} may set the options of decoding that there are, but"
            f" sets {', '.join(unknown)} as well; {_AGAIN}"
        )
    try:
        return DecodingOptions(**config.decoding)
    except ConfigError as error:
        raise _bad(folder, f"has among the options of decoding {error}") from error


def model_settings(cfg: Any) -> tuple[str, Settings]:
    """The architecture of a checkpoint and its settings, those that name files left out.

    Args:
        cfg: what a checkpoint keeps under `cfg.model`, as fairseq reads it.
    """
    container: Any = OmegaConf.to_container(cfg) if OmegaConf.is_config(cfg) else vars(cfg)
    architecture = str(container.get("_name") or container.get("arch"))
    declared = declared_settings(architecture)
    return architecture, {
        name: value
        for name, value in sorted(container.items())
        if name in declared and _is_plain(value)
    }


def declared_settings(architecture: str) -> frozenset[str]:
    """Options that an architecture declares, without those that name files."""
    names = set(declared_options(architecture)) - _NOT_KEPT
    return frozenset(name for name in names if not name.endswith(("_path", "_file", "_dir")))


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, (int, float)) for item in value)
    return isinstance(value, _PLAIN)


def _parse(folder: Path, content: object) -> BundleConfig:
    if not isinstance(content, Mapping):
        raise _bad(folder, f"holds {type(content).__name__}, not an object")
    fields = {item.name: item for item in dataclasses.fields(BundleConfig)}
    for name in sorted({*fields, *content} - (set(_OPTIONAL) - set(content))):
        if name not in fields or name not in content:
            raise _bad(folder, f"{'lacks' if name in fields else 'has an unknown'} {name!r}")
        kind: Any = fields[name].type
        kind = getattr(kind, "__origin__", kind)
        if type(content[name]) is not kind:
            raise _bad(folder, f"has {content[name]!r} for {name!r}, not {kind.__name__}")
    for name in ("summary_langs", "train_tasks", "forms"):
        if not all(isinstance(item, str) for item in content.get(name, [])):
            raise _bad(folder, f"has {content[name]!r} for {name!r}, not a list of texts")
    for name in ("tied_weights", "versions", "prompts"):
        if not all(isinstance(item, str) for item in content.get(name, {}).values()):
            raise _bad(folder, f"has {name!r} that are no texts")
    if type(content["training"].get("seed", 1)) is not int:
        raise _bad(folder, f"has the seed {content['training']['seed']!r}, no whole number")
    return BundleConfig(**content)


def _check_architecture(folder: Path, config: BundleConfig) -> None:
    if not is_ours(config.architecture):
        raise CheckpointError(
            f"bundle {folder}: its architecture must be one of this package, but is"
            f" {config.architecture!r}; install a newer mclas-fairseq (pip install --upgrade"
            " mclas-fairseq)"
        )
    _check_model(folder, config)
    for name in ("max_source_positions", "max_target_positions"):
        if not 1 <= getattr(config, name) <= MAX_POSITIONS:
            raise _bad(folder, f"has {getattr(config, name)} for {name!r}, not up to a million")
    if config.target_layout not in list(Layout):
        raise _bad(folder, f"has the layout {config.target_layout!r}, not {' or '.join(Layout)}")
    layout = Layout(config.target_layout)
    each = [layout.languages(config.source_lang, target) for target in config.target_langs]
    languages = list(dict.fromkeys(code for group in each for code in group))
    if config.summary_langs != languages or config.target_lang not in config.target_langs[:1]:
        raise _bad(folder, f"has summaries in {config.summary_langs}, which {layout} has not")
    tasks = config.train_tasks
    if tasks and (config.target_layout != Layout.NCLS or tasks not in _TRAINED):
        raise _bad(folder, f"has the tasks {tasks} with the layout {config.target_layout!r}")
    if not set(config.forms) <= set(FORMS):
        raise _bad(folder, f"has the forms {config.forms}, not some of {', '.join(FORMS)}")
    formats = ("int8",) if (folder / INT8_FILE).exists() else ("float32", "bfloat16")
    if config.precision not in formats:
        found = f"has the precision {config.precision!r}"
        raise _bad(folder, f"{found}, not {' or '.join(formats)}")


def _check_model(folder: Path, config: BundleConfig) -> None:
    declared = declared_settings(config.architecture)
    for name, value in config.model.items():
        if name not in declared or not _is_plain(value):
            what = f"{name!r}: {value!r:.100}"
            raise _bad(folder, f"has the model setting {what}, which is none of it")
        if name in FILE_SETTINGS and value is not None:
            raise _bad(folder, f"has the model setting {name!r}, which would open a file")
    try:
        settle(config.architecture, config.model)
    except UnfitSetting as error:
        raise _bad(folder, f"among the settings of its model {error}") from error


def _bad(folder: Path, problem: str) -> CheckpointError:
    return CheckpointError(
        f"bundle {folder}: {CONFIG_FILE} must be as mclas export writes it, but {problem}; {_AGAIN}"
    )
