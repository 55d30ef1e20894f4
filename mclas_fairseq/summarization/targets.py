"""Target languages of the task `cross_lingual_summarization`: from flags and checkpoints."""

from collections.abc import Sequence
from typing import Optional

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.target_languages import TargetLanguages, parse_languages
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.summarization.options import CrossLingualSummarizationConfig, choose_languages


def choose_targets(
    cfg: CrossLingualSummarizationConfig, data_bin: DataBin
) -> tuple[str, TargetLanguages]:
    """Source language and target languages: those asked for, checked against the data-bin.

    Raises:
        ConfigError: the data-bin has other languages, or the layout takes one target language.
        DataError: its dictionary lacks the separator of one of several.
    """
    if cfg.target_langs is None:
        source, target = choose_languages(cfg, data_bin)
        return source, several_targets(data_bin, [target])
    if cfg.target_lang is not None:
        raise ConfigError(
            f"--target-lang {cfg.target_lang} and --target-langs {cfg.target_langs}: both say what"
            " is written; give one of them"
        )
    have = data_bin.manifest.target_langs
    asked = parse_languages(cfg.target_langs) or have
    missing = [language for language in asked if language not in have]
    if missing:
        raise ConfigError(
            f"--target-langs {cfg.target_langs}: the data-bin {data_bin.folder} has"
            f" {', '.join(have)}, not {', '.join(missing)}; choose among those or prepare"
            f" {', '.join(missing)}"
        )
    source, _ = choose_languages(cfg, data_bin, target=asked[0])
    layout = Layout(str(cfg.target_layout))
    if layout is Layout.MS:
        asked = asked[:1]  # which one has no bearing on it
    check_layout(layout, asked)
    return source, several_targets(data_bin, asked)


def several_targets(data_bin: DataBin, languages: Sequence[str]) -> TargetLanguages:
    """One target language, or several with their separators.

    Raises:
        DataError: the dictionary lacks the separator of one of several.
    """
    trained = tuple(languages)
    if len(trained) == 1:
        symbols = {trained[0]: data_bin.separator}
    else:
        symbols = {language: data_bin.target_separator(language) for language in trained}
    return TargetLanguages(trained, trained, symbols)


def check_layout(layout: Layout, languages: Sequence[str]) -> None:
    """Refuse several target languages where the decoder cannot be told which one to write.

    Raises:
        ConfigError: the layout is neither mclas nor ncls.
    """
    if len(languages) > 1 and layout not in (Layout.MCLAS, Layout.NCLS):
        raise ConfigError(
            f"--target-langs {','.join(languages)}: several target languages in one decoder are"
            f" for --target-layout mclas and ncls, not {layout}; name one language or choose one of"
            " those layouts"
        )


def asked_of(cfg: CrossLingualSummarizationConfig, trained: Sequence[str]) -> Optional[list[str]]:
    """What the flags ask a checkpoint with these target languages to write; None: all of them.

    `--target-lang` chooses among several; of a checkpoint with one, that one wins over it.
    """
    if cfg.target_langs is not None:
        asked = parse_languages(cfg.target_langs)
        return None if asked is None else list(asked)
    return [cfg.target_lang] if cfg.target_lang is not None and len(trained) > 1 else None
