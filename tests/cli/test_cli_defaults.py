"""Names and defaults of every option, written out: a change of one must be meant, and noted.

The tables are what users' scripts rely on. Whoever changes a line here changes the changelog too.
"""

import argparse
import dataclasses
from argparse import Namespace
from typing import Any

import pytest
from fairseq import options
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_INV_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY

import mclas_fairseq
from mclas_fairseq.binarize.options import TokenizerOptions
from mclas_fairseq.cli import COMMANDS, build_parser
from mclas_fairseq.corpus.conversion.splitting import SplitOptions
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.scoring.rouge import RougeScorerConfig
from mclas_fairseq.serve.settings import Address, ServeSettings
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropyConfig
from mclas_fairseq.summarization.model import MclasModel
from mclas_fairseq.summarization.two_decoders import NclsMsModel
from mclas_fairseq.vhm.elbo import VhmElboConfig
from mclas_fairseq.vhm.model import VhmModel

mclas_fairseq.register()  # its names stand in fairseq's registries

REQUIRED = "(required)"

# None: not given, so that a bundle's own can stay; the values are DECODING's below.
SEARCH: dict[str, object] = {
    "--beam": None,
    "--nbest": None,
    "--max-len-a": None,
    "--max-len-b": None,
    "--min-len": None,
    "--lenpen": None,
    "--no-repeat-ngram-size": None,
    "--length-penalty": None,
    "--ngram-block-scope": None,
    "--repetition-penalty": None,
    "--max-words": None,
    "--restrict-vocab": None,
    "--generate-task": None,
    "--latent-reranking": None,
    "--sample-latent": None,
    "--summary-decoder": None,
}

MCLAS: dict[str, dict[str, object]] = {
    "convert": {
        "--in": [],
        "--map": [],
        "--text": [],
        "--id": None,
        "--format": "auto",
        "--sheet": None,
        "--encoding": "utf-8",
        "--delimiter": None,
        "--no-header": False,
        "--no-quotes": False,
        "--out": REQUIRED,
        "--split": None,
        # None: not given, which only --split allows; the values are SPLIT's below.
        "--split-seed": None,
        "--similarity": None,
        "--dedup": False,
        "--dropped": None,
        "--overwrite": False,
    },
    "roundtrip": {
        "--in": [],
        "--source-lang": None,
        "--target-lang": None,
        "--fill": None,
        "--forward": None,
        "--backward": None,
        "--unit": "summary",
        "--beam": 5,
        "--batch-tokens": 4096,
        "--max-source-tokens": 512,
        "--max-target-tokens": 200,
        "--threads": 1,
        "--device": "cpu",
        "--precision": None,
        "--forward-precision": None,
        "--backward-precision": None,
        "--t1": 0.6,
        "--t2": 0.2,
        "--sentence-share": 1.0,
        "--protocol": "default",
        "--rescore": False,
        "--clean": "normalise,length,ratio,duplicates",
        "--document-words": "1-10000",
        "--summary-words": "1-400",
        "--max-ratio": 4.0,
        "--max-copied": 0.5,
        "--similarity": 0.2,
        "--held-out": [],
        "--out": REQUIRED,
        "--rejected": None,
        "--gzip": False,
        "--executor": "local",
        "--executor-options": [],
        "--workers": 1,
        "--shard-lines": 5000,
        "--time-limit": None,
        "--retries": 2,
    },
    "prepare": {
        "--preset": None,
        "--source-lang": None,
        "--target-lang": None,
        "--train": [],
        "--valid": [],
        "--test": [],
        "--translation-key": "translation",
        "--exclude-ids": None,
        "--max-document-words": None,
        "--max-summary-words": None,
        "--max-length-ratio": None,
        "--dedup": False,
        # None: not given, which --like must be able to tell; the values are TOKENIZER's below.
        "--tokenizer": None,
        "--pretrained": None,
        "--mbart": None,
        "--mbart-langs": None,
        "--vocab": None,
        "--sentencepiece-model": None,
        "--vocab-size": None,
        "--lowercase": False,
        "--tokenizer-subset": None,
        "--subset-seed": None,
        "--max-unknown": None,
        "--task-tags": False,
        "--like": None,
        "--extend": None,
        "--out": REQUIRED,
        "--overwrite": False,
        "--workers": 1,
        "--labels": None,
        "--label-column": None,
        "--tags": None,
    },
    "prepare-text": {
        "--text": REQUIRED,
        "--documents": "empty-lines",
        "--valid-share": 0.01,
        "--vocab-size": 16000,
        "--tokenizer-bytes": 2_000_000,
        "--balance": "semilog",
        "--alpha": 0.3,
        "--plot": None,
        "--out": REQUIRED,
        "--overwrite": False,
        "--workers": 1,
        "--executor": None,
        "--executor-options": [],
        "--time-limit": None,
        "--retries": 2,
        "--shard-documents": 20_000,
    },
    # DATA_BIN stands first. Everything else goes on to fairseq-train.
    "train": {"--preset": REQUIRED, "--show": False, "--dry-run": False},
    "synthetic": {
        "--setting": REQUIRED,
        "--out": REQUIRED,
        "--train": 3000,
        "--valid": 200,
        "--test": 200,
        "--seed": 1,
        "--pairs": False,
        "--links": None,
        "--overwrite": False,
    },
    "extract": {"--log": REQUIRED, "--data": REQUIRED, "-o/--output": "-"},
    "summarize": {
        "--model": None,
        "--checkpoint": None,
        "--data": None,
        "--precision": None,
        "--int8": False,
        "-i/--input": "-",
        "-o/--output": "-",
        "--format": "auto",
        "--write": "target",
        "--target-langs": None,
        "--attention": None,
        "--on-long": "truncate",
        "--batch-size": 16,
        "--cpu": False,
        **SEARCH,
    },
    "label": {
        "--checkpoint": REQUIRED,
        "--data": REQUIRED,
        "--lang": REQUIRED,
        "-i/--input": REQUIRED,
        "-o/--output": REQUIRED,
        "--plain": False,
        "--label-column": None,
        "--max-tokens": 4096,
        "--cpu": False,
    },
    "pipeline": {},  # see PIPELINES
    "score": {
        "--hyp": REQUIRED,
        "--compare": [],
        "--name": [],
        "--ref": REQUIRED,
        "--lang": None,
        "--half": None,
        "--data": None,
        "--documents": None,
        "--source-lang": None,
        "--protocol": "default",
        "--tokenizer": None,
        "--multi-reference": "max",
        "--marks": False,
        "--rouge-only": False,
        "--precision-recall": False,
        "--holm": False,
        "--resamples": 1000,
        "--seed": 12345,
        "--workers": 1,
        "--bertscore": False,
        "--moverscore": False,
        "--model": None,
        "--layer": None,
        "--device": "cpu",
        "--statistics": False,
        "--json": None,
        "--markdown": None,
        "--per-document": None,
        "--plot": None,
        "--html": None,
        "--html-documents": 10,
        "--labels": None,
        "--label-column": None,
    },
    "transfer": {
        "--checkpoint": REQUIRED,
        "--data": REQUIRED,
        "--source-langs": REQUIRED,
        "--target-langs": REQUIRED,
        "--split": "valid",
        "--documents": 0,
        "--batch-size": 16,
        "--cpu": False,
        "--json": None,
        "--markdown": None,
        "--plot": None,
        "--summaries": None,
        **SEARCH,
    },
    "human": {},  # see HUMAN
    "report": {
        "--system": REQUIRED,
        "--ref": REQUIRED,
        "--train": REQUIRED,
        "--source-lang": REQUIRED,
        "--lang": REQUIRED,
        "--protocol": "default",
        "--tokenizer": None,
        "--margin": 0.0,
        "--examples": 0,
        "--tltran": None,
        "--learned-by": "content",
        "--marks": False,
        "--html": None,
        "--html-documents": 10,
        "--curves": [],
        "--attention": [],
        "--data": None,
        "--seed": 1,
        "--json": None,
    },
    "latents": {
        "--checkpoint": REQUIRED,
        "--data": REQUIRED,
        "--split": "test",
        "--documents": 0,
        "--samples": 10,
        "--seed": 1,
        "--batch-size": 32,
        "--json": None,
        "--plot": None,
        "--cpu": False,
        **SEARCH,
    },
    "lexicon": {
        "--data": REQUIRED,
        "--parallel": REQUIRED,
        "--out": REQUIRED,
        "--target-lang": None,
        "--translation-key": "translation",
        "--summaries": False,
        "--candidates": 10,
        "--min-prob": 0.05,
        "--max-pieces": 200,
        "--aligner": "hmm",
    },
    "average": {
        "--inputs": [],
        "--folder": None,
        "--last": None,
        "--best": None,
        "--out": REQUIRED,
        "--overwrite": False,
    },
    "extend": {
        "--checkpoint": REQUIRED,
        "--data": REQUIRED,
        "--out": REQUIRED,
        "--seed": 1,
        "--overwrite": False,
    },
    "trim": {
        "--checkpoint": REQUIRED,
        "--data": REQUIRED,
        "--out": REQUIRED,
        "--keep-from": [],
        "--documents": 100,
        "--beam": 5,
        "--overwrite": False,
    },
    "heads": {},  # see HEADS
    "export": {
        "--checkpoint": None,
        "--data": None,
        "--model": None,
        "--out": REQUIRED,
        "--format": "torch",
        "--forms": None,
        "--overwrite": False,
        "--name": None,
        "--licence": None,
        "--author": None,
        "--description": None,
        "--training-data": None,
        "--intended-use": None,
        "--limits": None,
        "--scores": [],
        **SEARCH,
    },
    # None: not given, so that environment and file can say it; SERVED has the values.
    "serve": dict.fromkeys(
        [
            "--config",
            "--openapi",
            "--host",
            "--port",
            "--api-key-file",
            "--device",
            "--precision",
            "--max-batch-tokens",
            "--max-wait-ms",
            "--max-queue",
            "--max-documents",
            "--max-body-bytes",
            "--max-windows",
            "--max-beam",
            "--timeout",
            "--read-timeout",
            "--idle-timeout",
            "--grace",
            "--watch-seconds",
            "--on-long",
        ]
    ),
    "doctor": {"--data": None},
}

HUMAN: dict[str, dict[str, object]] = {
    "sample": {
        "--system": REQUIRED,
        "--lang": REQUIRED,
        "--source": None,
        "--source-lang": None,
        "--ref": [],
        "--ref-as": "system",
        "--design": "bws",
        "--documents": 60,
        "--annotators": 3,
        "--seed": 1,
        "--marks": False,
        "--delimiter": "comma",
        "--out": REQUIRED,
        "--key": REQUIRED,
        "--overwrite": False,
    },
    "score": {"--key": REQUIRED, "--sheets": REQUIRED, "--json": None},
}

HEADS: dict[str, dict[str, object]] = {
    "probe": {
        "--checkpoint": None,
        "--model": None,
        "--data": REQUIRED,
        "--out": REQUIRED,
        "--split": "valid",
        "--documents": 500,
        "--batch-size": 16,
        "--links": None,
        "--symmetrisation": "grow-diag",
        "--control": None,
        "--ablate": False,
        "--ablate-documents": 0,
        "--draws": 20,
        "--ranking": None,
        "--show": [],
        "--seed": 1,
        "--overwrite": False,
    },
    "rank": {
        "--checkpoint": REQUIRED,
        "--data": REQUIRED,
        "--csv": REQUIRED,
        "--plot": None,
        "--split": "valid",
        "--langs": None,
        "--documents": 1000,
        "--batch-size": 16,
        "--estimator": "gate",
        "--norm": "l1",
        "--merge": False,
        "--leave-one-out": False,
    },
    "prune": {
        "--checkpoint": REQUIRED,
        "--out": None,
        "--heads": [],
        "--ranking": None,
        "-k": None,
        "--language": "all",
        "--data": None,
        "--until-loss": None,
        "--split": "valid",
        "--documents": 1000,
        "--batch-size": 16,
        "--sweep": None,
        "--fine-tuning": None,
        "--ks": None,
        "--paper-code-compat": False,
        "--draws": 20,
        "--seed": 1,
        "--overwrite": False,
    },
}

PIPELINE: dict[str, object] = {
    **{
        name: value
        for name, value in MCLAS["summarize"].items()
        if name not in ("--write", "--target-langs", "--attention", "--on-long")
    },
    "--translator": REQUIRED,
    "--translator-beam": 5,
    "--translator-batch-tokens": 4096,
    "--translator-max-source-tokens": 512,
    "--translator-max-target-tokens": 200,
    "--translator-threads": 1,
    "--translator-device": "cpu",
    "--translator-precision": None,
    "--translator-time-limit": None,
}
PIPELINES: dict[str, dict[str, object]] = {
    "tltran": {**PIPELINE, "--target-lang": REQUIRED, "--unit": "summary"},
    "tetran": {**PIPELINE, "--source-lang": REQUIRED},
}

TOKENIZER: dict[str, object] = {
    "name": "sentencepiece",
    "given": None,
    "pretrained": None,
    "mbart": None,
    "mbart_langs": (),
    "vocab_size": 8000,
    "lowercase": False,
    "subset_size": None,
    "subset_seed": 1,
}

SERVED: dict[str, object] = {
    "host": "127.0.0.1",
    "port": 8000,
    "api_key_file": None,
    "device": None,
    "precision": None,
    "max_batch_tokens": 8192,
    "max_wait_ms": 20,
    "max_queue": 256,
    "max_documents": 64,
    "max_body_bytes": 1_048_576,
    "max_windows": 64,
    "max_beam": 16,
    "timeout": 60.0,
    "read_timeout": 10.0,
    "idle_timeout": 5.0,
    "grace": 30.0,
    "watch_seconds": 5.0,
    "on_long": "truncate",
}

DECODING: dict[str, object] = {
    "beam": 5,
    "nbest": 1,
    "max_len_a": 0.0,
    "max_len_b": 100,
    "min_len": 1,
    "lenpen": 1.0,
    "length_penalty": "fairseq",
    "no_repeat_ngram_size": 3,
    "ngram_block_scope": "summary",
    "repetition_penalty": 1.0,
    "max_words": 0,
    "restrict_vocab": "both",
    "summary_decoder": "cls",
    "generate_task": "cls",
    "sample_latent": 0,
    "latent_reranking": "none",
}

SPLIT: dict[str, object] = {"seed": 1, "similarity": 0.2}

TASK: dict[str, object] = {
    "data": None,
    "source_lang": None,
    "target_lang": None,
    "target_langs": None,
    "target_layout": "mclas",
    "summary_decoder": "cls",
    "train_subset_size": 0,
    "subset_seed": 1,
    "max_source_positions": 1024,
    "max_target_positions": 1024,
    "restrict_vocab": "both",
    "ngram_block_scope": "summary",
    "repetition_penalty": 1.0,
    "max_words": 0,
    "length_penalty": "fairseq",
    "eval_rouge": False,
    "eval_rouge_documents": 100,
    "eval_rouge_args": "{}",
    "rouge_protocol": "default",
    "rouge_tokenizer": None,
    "save_dir": "${checkpoint.save_dir}",
}

MULTITASK: dict[str, object] = {
    **TASK,
    "target_layout": "ncls",
    "mt_data": None,
    "ms_data": None,
    "train_tasks": "mt,ms,cls",
    "cls_subset_size": 0,
    "generate_task": "cls",
    "sample_latent": 0,
    "latent_reranking": "none",
    "seed": "${common.seed}",
}

CRITERION: dict[str, object] = {
    "label_smoothing": 0.0,
    "report_accuracy": False,
    "ignore_prefix_size": 0,
    "sentence_avg": "${optimization.sentence_avg}",
}

ELBO: dict[str, object] = {
    "label_smoothing": 0.0,
    "kl_annealing": "linear",
    "kl_annealing_updates": 0,
    "kl_weight": 1.0,
    "kl_cycles": 4,
    "kl_cycle_rise": 0.5,
    "free_bits": 0.0,
    "free_bits_per_dimension": 0.0,
    "kl_scale": "bound",
    "report_accuracy": False,
    "seed": "${common.seed}",
    "max_update": "${optimization.max_update}",
    "sentence_avg": "${optimization.sentence_avg}",
}

LABELLING: dict[str, object] = {
    "data": None,
    "train_langs": None,
    "valid_langs": None,
    "train_folds": "",
    "fold_seed": 1,
    "max_source_positions": 256,
    "save_dir": "${checkpoint.save_dir}",
}

SCORER: dict[str, object] = {"rouge_protocol": "default", "rouge_tokenizer": None}

# Layers of each side, C, FFN, heads.
ARCHITECTURES = {
    "mclas_tiny": (2, 128, 512, 4),
    "mclas_small": (3, 256, 1024, 4),
    "mclas_base": (6, 512, 2048, 8),
    "mclas_mbert": (6, 768, 2048, 8),  # of its encoder the pretrained one decides
    "mclas_mbart": (12, 1024, 4096, 16),
}
EVERY_ARCHITECTURE: dict[str, object] = {
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "activation_fn": "gelu",
    "encoder_normalize_before": True,
    "decoder_normalize_before": True,
    "encoder_learned_pos": False,
    "decoder_learned_pos": False,
    "share_all_embeddings": True,
    "copy_attention": False,
}


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of `mclas COMMAND` (or of a command's own ones), in the order of `--help`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError(f"{parser.prog} has no subcommands")


def defaults(parser: argparse.ArgumentParser) -> dict[str, object]:
    """Option -> default; both spellings where there are two. Every command has --debug as well."""
    return {
        "/".join(action.option_strings): REQUIRED if action.required else action.default
        for action in parser._actions
        if action.dest not in ("help", "debug") and action.option_strings
    }


def fields(config: type[Any]) -> dict[str, object]:
    """Field -> default of a configuration, without fairseq's own `_name`."""
    found = {field.name: field.default for field in dataclasses.fields(config)}
    found.pop("_name", None)
    return found


def test_the_table_names_every_command_in_its_order() -> None:
    assert list(MCLAS) == list(COMMANDS) == list(subcommands(build_parser()))


@pytest.mark.parametrize("command", MCLAS)
def test_options_of_mclas_have_these_names_and_defaults(command: str) -> None:
    assert defaults(subcommands(build_parser())[command]) == MCLAS[command]


def test_options_of_human_evaluation_have_these_names_and_defaults() -> None:
    actions = subcommands(subcommands(build_parser())["human"])
    assert {name: defaults(parser) for name, parser in actions.items()} == HUMAN


def test_options_of_attention_heads_have_these_names_and_defaults() -> None:
    actions = subcommands(subcommands(build_parser())["heads"])
    assert {name: defaults(parser) for name, parser in actions.items()} == HEADS


def test_options_of_the_pipelines_have_these_names_and_defaults() -> None:
    actions = subcommands(subcommands(build_parser())["pipeline"])
    assert {name: defaults(parser) for name, parser in actions.items()} == PIPELINES


def test_prepare_learns_this_tokenizer_when_nothing_is_said() -> None:
    assert fields(TokenizerOptions) == TOKENIZER


def test_summaries_are_searched_for_in_this_way_when_nothing_is_said() -> None:
    assert fields(DecodingOptions) == DECODING
    assert {**fields(Address), **fields(ServeSettings)} == SERVED


def test_convert_splits_in_this_way_when_nothing_is_said() -> None:
    assert {name: fields(SplitOptions)[name] for name in SPLIT} == SPLIT


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (TASK_DATACLASS_REGISTRY["cross_lingual_summarization"], TASK),
        (TASK_DATACLASS_REGISTRY["multitask_summarization"], MULTITASK),
        (TASK_DATACLASS_REGISTRY["sequence_labelling"], LABELLING),
        (SummaryCrossEntropyConfig, CRITERION),
        (VhmElboConfig, ELBO),
        (RougeScorerConfig, SCORER),
    ],
)
def test_configurations_have_these_fields_and_defaults(
    config: type[Any], expected: dict[str, object]
) -> None:
    assert fields(config) == expected


def test_the_task_is_configured_on_the_command_line_as_in_the_table() -> None:
    parser = options.get_generation_parser(default_task="cross_lingual_summarization")
    parsed = vars(options.parse_args_and_arch(parser, ["a-data-bin", "--path", "checkpoint.pt"]))
    expected = {name: value for name, value in TASK.items() if name not in ("data", "save_dir")}
    assert {name: parsed[name] for name in expected} == expected


def test_the_models_own_options_have_these_defaults() -> None:
    stock, ours = argparse.ArgumentParser(), argparse.ArgumentParser()
    super(MclasModel, MclasModel).add_args(stock)
    MclasModel.add_args(ours)
    added = {name: value for name, value in defaults(ours).items() if name not in defaults(stock)}
    assert added == {
        "--copy-attention": False,
        "--translated-copying": None,
        "--lexicon": None,
        "--pretrained-encoder": None,
        "--pretrained-config": None,
        "--pretrained-dropout": argparse.SUPPRESS,
        "--extend-positions": None,
        "--sentence-segments": False,
        "--freeze-encoder-updates": None,
        "--init-from-mbart": None,
        "--pruned-heads": None,
        "--masked-heads": None,
    }


def test_a_model_of_two_decoders_has_one_option_more_and_the_same_sizes() -> None:
    one, two = argparse.ArgumentParser(), argparse.ArgumentParser()
    MclasModel.add_args(one)
    NclsMsModel.add_args(two)
    assert dict(defaults(two).items() - defaults(one).items()) == {"--ncls-ms-init": None}
    sizes = {"ncls_ms_base", "ncls_ms_small", "ncls_ms_tiny"}
    assert sizes <= set(ARCH_MODEL_INV_REGISTRY["ncls_ms"])


def test_a_model_with_latent_variables_has_these_options_more() -> None:
    plain, ours = argparse.ArgumentParser(), argparse.ArgumentParser()
    MclasModel.add_args(plain)
    VhmModel.add_args(ours)
    added = {name: defaults(ours)[name] for name in defaults(ours).keys() - defaults(plain).keys()}
    assert added == {
        "--latents": None,
        "--latent-dim": None,
        "--no-latent-hierarchy": False,
        "--projection-without-latents": False,
        "--cls-local-latents": None,
        "--separate-decoders": False,
    }
    args = Namespace()
    ARCH_CONFIG_REGISTRY["vhm_base"](args)
    assert (args.latents, args.latent_dim, args.cls_local_latents) == ("mt,ms,cls", 128, "prior")
    assert (args.no_latent_hierarchy, args.separate_decoders) == (False, False)


def test_the_architectures_are_those_of_the_table() -> None:
    assert sorted(ARCH_MODEL_INV_REGISTRY["mclas"]) == sorted(ARCHITECTURES)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures_have_these_sizes_and_settings(name: str) -> None:
    args = Namespace()
    ARCH_CONFIG_REGISTRY[name](args)
    for side in ("encoder", "decoder"):
        parts = ("layers", "embed_dim", "ffn_embed_dim", "attention_heads")
        assert tuple(getattr(args, f"{side}_{part}") for part in parts) == ARCHITECTURES[name]
    settings = dict(EVERY_ARCHITECTURE)
    if name == "mclas_mbart":
        settings |= {"encoder_learned_pos": True, "decoder_learned_pos": True}
    if name == "mclas_mbert":
        settings |= {"attention_dropout": 0.1, "activation_dropout": 0.1}
    assert {key: getattr(args, key) for key in settings} == settings
