"""The table of search options: ranges, and the options that configurations hold."""

import dataclasses
from argparse import Namespace
from typing import Any

import pytest
from fairseq.dataclass.configs import GenerationConfig
from omegaconf import OmegaConf

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import (
    DecodingOptions,
    Owner,
    search_option,
    search_options,
    unknown_options,
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam": 0}, "^--beam 0: it must be at least 1; give 5, say$"),
        ({"beam": 1001}, "^--beam 1001: it must be at most 1,000; give 5, say$"),
        ({"beam": 2.0}, r"--beam 2\.0: it must be a whole number"),
        ({"beam": True}, "--beam True: it must be a whole number"),
        ({"beam": "5"}, "--beam '5': it must be a whole number"),
        ({"lenpen": float("nan")}, "--lenpen nan: it must be a number"),
        ({"lenpen": "much"}, "--lenpen 'much': it must be a number"),
        ({"max_len_a": -0.5}, r"--max-len-a -0\.5: it must be at least 0; give 0\.0, say"),
        ({"repetition_penalty": 0}, r"--repetition-penalty 0: it must be at least 0\.01"),
        ({"max_words": -1}, "--max-words -1: it must be at least 0"),
        (
            {"restrict_vocab": "all"},
            "--restrict-vocab: it must be one of both, target, none, met 'all'; choose",
        ),
        ({"length_penalty": None}, "--length-penalty: it must be one of fairseq, gnmt, met None"),
        ({"nbest": 6}, "--nbest 6: it must lie between 1 and --beam 5; raise --beam"),
        ({"nbest": 16, "sample_latent": 3}, "between 1 and --beam 5 times --sample-latent 3;"),
    ],
)
def test_a_value_out_of_range_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DecodingOptions(**changes)


def test_as_many_hypotheses_as_all_draws_find_can_be_asked_for() -> None:
    assert DecodingOptions(nbest=15, sample_latent=3).nbest == 15


def test_a_whole_number_is_a_number() -> None:
    assert DecodingOptions(lenpen=2).lenpen == 2


@pytest.mark.parametrize("option", search_options(), ids=lambda option: option.name)
def test_every_row_is_whole(option: Any) -> None:
    option.check(option.default)
    option.check(option.validation_default)
    assert len(option.declared.help) > 20
    assert option.declared.choices if option.kind is str else option.declared.most is not None
    of_fairseq = {field.name: field.type for field in dataclasses.fields(GenerationConfig)}
    assert (option.owner is Owner.FAIRSEQ) == (option.name in of_fairseq)
    if option.owner is Owner.FAIRSEQ:
        assert of_fairseq[option.name] is option.kind


@pytest.mark.parametrize("kind", [Namespace, lambda **values: OmegaConf.create(values), dict])
def test_the_first_configuration_that_says_something_counts(kind: Any) -> None:
    call, task = kind(beam=2, lenpen=None, prefix_size=3), kind(beam=7, lenpen=0.5)
    found = DecodingOptions.of(call, task)
    assert (found.beam, found.lenpen, found.max_len_b) == (2, 0.5, 100)
    assert found == DecodingOptions(beam=2, lenpen=0.5)
    with pytest.raises(ConfigError, match="--min-len -3: it must be at least 0"):
        DecodingOptions.of(kind(min_len=-3))


def test_words_of_fairseqs_enumerations_are_plain_words() -> None:
    choices = search_option("length_penalty").declared.choices
    from fairseq.dataclass import ChoiceEnum

    gnmt = ChoiceEnum(list(choices)).gnmt
    found = DecodingOptions.of(Namespace(length_penalty=gnmt)).length_penalty
    assert (found, type(found)) == ("gnmt", str)


def test_unknown_names_are_found() -> None:
    assert unknown_options({"beam": 1, "max_len": 2, "a": 3, "b": 4}, "b") == ["a", "max_len"]
