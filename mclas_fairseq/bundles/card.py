"""The model card of a bundle: what the model is, what it was made of and what it is worth.

Facts come from the checkpoint, its data-bin and the reports of `mclas score`; what only the maker
knows (licence, training data, intended use) is taken from the flags of `mclas export`, and where it
is not given the card says so.

Mitchell et al. (2019), "Model Cards for Model Reporting", FAT* 2019.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.bundles.config import BundleConfig
from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.errors import ConfigError

_LAYOUTS = {
    "ms": "writes a summary in the document's language",
    "ncls": "writes a summary in the target language straight away",
    "ncls_ms": "has two decoders, one for a summary in the document's language and one for a"
    " summary in the target language",
    "mclas": "writes a summary in the document's language first and, looking at it, the one in the"
    " target language",
}
_USE = (
    "Summaries of documents that are like those of the training in language, kind of text, topic"
    " and length. A person should read a summary beside its document before anything rests on it."
)
_LIMITS = (
    "Summaries can say what the document does not say: names, numbers and negations above all. Text"
    " of another kind than that of the training is summarized worse, and nothing warns of it. What"
    " is one-sided or false in the training data can return in the summaries."
)


@dataclass(frozen=True)
class CardDetails:
    """What the maker says of the model.

    Attributes:
        name: of the model.
        licence: under which the weights are given away, an SPDX identifier or plain words.
        author: who made it.
        description: a sentence or two about it.
        training_data: what it was trained on, and under which terms.
        intended_use: what it is for.
        limits: what it cannot do, beside what holds for all such models.
        scores: reports of `mclas score --json`.
    """

    name: str
    licence: Optional[str] = None
    author: Optional[str] = None
    description: Optional[str] = None
    training_data: Optional[str] = None
    intended_use: Optional[str] = None
    limits: Optional[str] = None
    scores: Sequence[Path] = ()


@dataclass(frozen=True)
class ScoreRow:
    """One metric of a report, of values between 0 and 100; `signature` says what they are."""

    language: str
    metric: str
    mean: float
    interval: tuple[float, float]
    documents: int
    signature: str


def read_scores(path: Path) -> list[ScoreRow]:
    """Read what `mclas score --json` wrote of one system.

    Raises:
        ConfigError: the file is missing, is something else, or is about several systems.
    """
    remedy = "give a file that mclas score --json wrote of this model's summaries alone"
    try:
        report: Any = parse_json(path.read_text(encoding="utf-8"))
        systems = report["systems"]
        if len(systems) != 1:
            raise ConfigError(
                f"--scores {path}: must be about one system, but is about {len(systems)}; {remedy}"
            )
        (system,) = systems
        return [
            ScoreRow(
                language=str(report["language"]),
                metric=str(metric),
                mean=float(value["mean"]),
                interval=(float(value["interval"][0]), float(value["interval"][1])),
                documents=int(system["documents"]),
                signature=str(value["signature"]),
            )
            for metric, value in system["metrics"].items()
            if "mean" in value
        ]
    except OSError as error:
        raise ConfigError(
            f"--scores {path}: must be a readable file, but reading it failed"
            f" ({error.strerror}); {remedy}"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"--scores {path}: must be a report of scores, but cannot be read as one"
            f" ({type(error).__name__}: {error}); {remedy}"
        ) from error


def model_card(
    details: CardDetails,
    config: BundleConfig,
    manifest: Manifest,
    scores: Sequence[ScoreRow],
    sizes: Mapping[str, int],
) -> str:
    """The model card as Markdown.

    Args:
        details: what the maker says.
        config: the bundle's configuration.
        manifest: that of the data-bin.
        scores: rows of its table of scores.
        sizes: "parameters" and "bytes" of the weights.
    """
    sections = (
        _front_matter(details, config),
        f"# {details.name}\n\n{_introduction(details, config)}",
        f"## How to use it\n\n{_usage(details, config)}",
        f"## Model\n\n{_model(config, manifest, sizes)}",
        f"## Training data\n\n{_data(details, config, manifest)}",
        f"## How it was made\n\n{_making(config)}",
        f"## Scores\n\n{_scores(scores)}",
        f"## Intended use and limits\n\n{_limits(details)}",
        f"## Licence\n\n{details.licence or _not_stated('licence')}",
    )
    return "\n\n".join(sections) + "\n"


def converted_card(card: str, config: BundleConfig) -> str:
    """The card of a bundle that was made of another one: that one's, with what has changed."""
    before = f"{card}\n## Form\n\nThis bundle was made of the one that is described above. It has"
    if not config.forms:
        return (
            f"{before} the linear layers of the model in 8 bits, and decodes on a processor, by"
            " torch.\n"
        )
    return (
        f"{before} the model in CTranslate2's form ({', '.join(config.forms)}), which needs the"
        " extra `ct2` (`pip install 'mclas-fairseq[ct2]'`) and decodes in"
        f" {config.forms[0]} unless told otherwise.\n"
    )


def _not_stated(what: str) -> str:
    return f"Not stated by the maker of this bundle ({what})."


def _front_matter(details: CardDetails, config: BundleConfig) -> str:
    # Strings in double quotes as in JSON are YAML as well.
    languages = dict.fromkeys([config.source_lang, *config.summary_langs])
    lines = [
        "---",
        f"language: {json.dumps(list(languages))}",
        "library_name: mclas-fairseq",
        'tags: ["summarization", "cross-lingual-summarization"]',
    ]
    if details.licence:
        lines.append(f"license: {json.dumps(details.licence, ensure_ascii=False)}")
    return "\n".join([*lines, "---"])


def _introduction(details: CardDetails, config: BundleConfig) -> str:
    what = (
        f"Reads documents in `{config.source_lang}` and writes summaries in"
        f" {' and '.join(f'`{code}`' for code in config.summary_langs)}: it"
        f" {_LAYOUTS[config.target_layout]} (layout `{config.target_layout}`)."
    )
    if len(config.train_tasks) > 1:
        what += (
            f" It was trained on several tasks ({', '.join(config.train_tasks)}); `--generate-task`"
            " chooses another one than `cls`."
        )
    said = [details.description, what, f"Made by {details.author}." if details.author else None]
    return "\n\n".join(text for text in said if text)


def _usage(details: CardDetails, config: BundleConfig) -> str:
    several = len(config.target_langs) > 1
    last = config.target_langs[0] if several else config.summary_langs[-1]
    whole = "summary.summary has all" if several else f"summary.best.summary has {_both(config)}"
    pretrained = config.tokenizer == "pretrained" or config.model.get("pretrained_config")
    names = [*(["pretrained"] if pretrained else []), *(["ct2"] if config.forms else [])]
    extra = f" with its extra (`pip install 'mclas-fairseq[{','.join(names)}]'`)" if names else ""
    return f"""\
This folder is a bundle of `mclas-fairseq` {config.versions["mclas-fairseq"]}, which is all that
needs to be installed{extra}. Nothing in the folder is executed when it is loaded, and every file is
checked against `bundle.json` first.

```bash
mclas summarize --model {_folder(details.name)} -i documents.txt -o summaries.txt
```

```python
import mclas_fairseq

summarizer = mclas_fairseq.load("{_folder(details.name)}")
for summary in summarizer.summarize(["A document in {config.source_lang} ..."]):
    print(summary.text)  # in {last}; {whole}
```"""


def _both(config: BundleConfig) -> str:
    return "both" if len(config.summary_langs) > 1 else "it by language"


def _folder(name: str) -> str:
    return "-".join(name.split()) or "model"


def _model(config: BundleConfig, manifest: Manifest, sizes: Mapping[str, int]) -> str:
    get = config.model.get
    start = manifest.pretrained or {}
    rows = [
        ("architecture", f"`{config.architecture}`"),
        *(
            (side, f"{get(f'{side}_layers')} layers, width {get(f'{side}_embed_dim')},"
             f" FFN {get(f'{side}_ffn_embed_dim')}, {get(f'{side}_attention_heads')} heads")
            for side in ("encoder", "decoder")
            if get(f"{side}_layers") is not None
        ),
        *(
            [("pretrained", f"tokenizer{' and encoder' if get('pretrained_config') else ''} of"
              f" `{start['name']}` ({start['kind']}), whose terms hold as well")]
            if start else []
        ),
        ("copies words from the document", "yes" if get("copy_attention") else "no"),
        ("parameters", f"{sizes['parameters']:,} ({sizes['bytes'] / 1e6:.1f} MB)"),
        ("dictionary", f"{config.dictionary_size:,} entries"),
        ("tokenizer", f"{config.tokenizer}{', lower case' if config.lowercase else ''}"),
        ("longest document", f"{config.max_source_positions:,} tokens; the rest is cut off"),
        ("decodes in", _precision(config)),
        ("decoding, unless told otherwise", _options(config.decoding)),
    ]  # fmt: skip
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _precision(config: BundleConfig) -> str:
    if not config.forms:
        return config.precision
    others = f" (also there: {', '.join(config.forms[1:])})" if config.forms[1:] else ""
    return f"{config.forms[0]}, by CTranslate2{others}"


def _options(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', '-')} {value}" for name, value in settings.items())


def _data(details: CardDetails, config: BundleConfig, manifest: Manifest) -> str:
    said = details.training_data or _not_stated("which data, from whom, under which terms")
    counts = manifest.counts.get("train", {})
    sides = (f"{number:,} {side}" for side, number in sorted(counts.items()) if side != "documents")
    listed = ", ".join(sides)
    lines = [said, f"The data-bin that it was exported with has for training: {listed or 'none'}."]
    subset = config.training.get("training_subset")
    if subset:
        lines.append(f"The last training used {subset:,} of them.")
    lines.append("The bundle itself holds none of these texts.")
    return "\n\n".join(lines)


def _making(config: BundleConfig) -> str:
    names = {name: value for name, value in config.training.items() if value is not None}
    words = {True: "yes", False: "no"}
    listed = [
        f"| {name.replace('_', ' ')} | {words[value] if isinstance(value, bool) else value} |"
        for name, value in names.items()
    ]
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    made = "Trained with fairseq-train and exported with mclas export."
    table = "\n".join(["| | |", "|---|---|", *listed, f"| exported with | {versions} |"])
    return f"{made}\n\n{table}"


def _scores(scores: Sequence[ScoreRow]) -> str:
    if not scores:
        return "None given by the maker of this bundle."
    lines = [
        "Mean over documents, with a 95 % bootstrap interval; the signature says how each was"
        " computed (`mclas score`).",
        "",
        "| language | metric | score | 95 % interval | documents | signature |",
        "|---|---|---:|---:|---:|---|",
    ]
    for row in scores:
        low, high = row.interval
        signature = row.signature.replace("|", "\\|")
        lines.append(
            f"| {row.language} | {row.metric} | {row.mean:.2f} | {low:.2f} to {high:.2f}"
            f" | {row.documents:,} | `{signature}` |"
        )
    return "\n".join(lines)


def _limits(details: CardDetails) -> str:
    limits = f"{details.limits}\n\n{_LIMITS}" if details.limits else _LIMITS
    return f"{details.intended_use or _USE}\n\n{limits}"
