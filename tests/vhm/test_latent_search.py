"""Search with latent variables: prior means, draws, and what they must not depend on."""

from typing import Any

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import build_grammar
from mclas_fairseq.generation.search_call import Shortcuts
from mclas_fairseq.vhm.gaussian import Gaussian
from mclas_fairseq.vhm.noise import LatentNoise
from mclas_fairseq.vhm.parts import LATENT
from mclas_fairseq.vhm.sampling import LatentSampler, RecordedDraw


@pytest.fixture(scope="module")
def model(vhm: Any) -> Any:
    """A random model whose distributions are not flat, and whose latents matter."""
    found = vhm.model()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.mul_(2.0)
    return found


def search(vhm: Any, model: Any, **options: Any) -> SummaryGenerator:
    words = range(4, 4 + 20)
    grammar = build_grammar(
        vhm.dictionary,
        [words],
        separator=vhm.dictionary.unk(),
        restrict_vocab="both",
        min_len=1,
        max_len_a=0.0,
        max_len_b=6,
    )
    return SummaryGenerator([model], vhm.dictionary, grammar=grammar, beam_size=4, **options)


def tokens(found: list[list[dict[str, Any]]]) -> list[list[list[int]]]:
    return [[one["tokens"].tolist() for one in document] for document in found]


def test_hypotheses_are_those_of_each_document_alone(vhm: Any, model: Any) -> None:
    generator, batch = search(vhm, model), vhm.batch(lengths=(5, 3, 7, 4))
    together = generator.generate([model], batch)
    for row in range(4):
        alone = generator.generate([model], vhm.rows(batch, [row]))
        assert tokens(alone) == tokens([together[row]])
        for one, other in zip(alone[0], together[row], strict=True):
            assert float(one["score"]) == pytest.approx(float(other["score"]), abs=1e-4)


@pytest.mark.parametrize("once", [True, False])
def test_beam_scores_are_forced_scores_so_the_latent_survives_the_beam(
    vhm: Any, model: Any, once: bool
) -> None:
    shortcuts = Shortcuts(documents_once=once)
    generator, batch = search(vhm, model, shortcuts=shortcuts), vhm.batch()
    assert generator.documents_once is once
    found = generator.generate([model], batch)
    hypotheses = [[one["tokens"] for one in document] for document in found]
    scored = score_hypotheses(generator, batch, hypotheses)
    for document, scores in zip(found, scored, strict=True):
        assert len(document) == 4
        for one, forced in zip(document, scores, strict=True):
            torch.testing.assert_close(
                one["positional_scores"], forced.positional_scores, atol=1e-5, rtol=1.3e-6
            )


@pytest.mark.parametrize("once", [True, False])
def test_beam_scores_are_forced_scores_with_the_layer_of_equation_8_alone(
    vhm: Any, once: bool
) -> None:
    bare = vhm.model("mt_ms_cls_tiny", projection_without_latents=True).bfloat16()
    generator = search(vhm, bare, shortcuts=Shortcuts(documents_once=once))
    batch = vhm.batch()
    found = generator.generate([bare], batch)
    hypotheses = [[one["tokens"] for one in document] for document in found]
    scored = score_hypotheses(generator, batch, hypotheses)
    for document, scores in zip(found, scored, strict=True):
        for one, forced in zip(document, scores, strict=True):
            torch.testing.assert_close(
                one["positional_scores"], forced.positional_scores, atol=0.05, rtol=0
            )


def test_another_latent_gives_other_scores(vhm: Any, model: Any) -> None:
    generator, batch = search(vhm, model), vhm.batch()
    shifted = {**batch["net_input"], "draw": lambda name, gaussian: gaussian.mean + 2.0}
    plain = generator.generate([model], batch)
    other = generator.generate([model], {**batch, "net_input": shifted})
    assert [one[0]["score"] for one in plain] != [one[0]["score"] for one in other]


def test_references_change_nothing(vhm: Any, model: Any) -> None:
    generator, batch = search(vhm, model), vhm.batch()
    plain = tokens(generator.generate([model], batch))
    other = vhm.batch(seed=4)
    changed = {**batch, "target": other["target"], "tgt_src_tokens": other["tgt_src_tokens"]}
    assert tokens(generator.generate([model], changed)) == plain
    bare = {"id": batch["id"], "net_input": dict(batch["net_input"])}
    del bare["net_input"]["prev_output_tokens"]
    assert tokens(generator.generate([model], bare)) == plain


def test_draws_follow_the_document_and_not_its_batch(vhm: Any, model: Any) -> None:
    sampler = LatentSampler(search(vhm, model), 3, "none", seed=1)
    batch = vhm.batch(lengths=(5, 3, 7, 4))
    together = sampler.generate([model], batch)
    for row in (3, 1):
        alone = sampler.generate([model], vhm.rows(batch, [row]))
        assert tokens(alone) == tokens([together[row]])
    again = LatentSampler(search(vhm, model), 3, "none", seed=2).generate([model], batch)
    assert tokens(again) != tokens(together)


def test_draws_of_documents_without_ids_follow_their_tokens(vhm: Any, model: Any) -> None:
    """fairseq-interactive hands a batch over with its tokens alone."""
    sampler, batch = LatentSampler(search(vhm, model), 2, "none", seed=1), vhm.batch()
    documents = {"net_input": {"src_tokens": batch["net_input"]["src_tokens"]}}
    together = sampler.generate([model], documents)
    for row in (0, 1):  # padded in its batch, and not
        tokens_alone = documents["net_input"]["src_tokens"][row : row + 1]
        alone = {"net_input": {"src_tokens": tokens_alone[:, tokens_alone[0] != 1]}}
        (found,) = sampler.generate([model], alone)
        for one, other in zip(found, together[row], strict=True):
            assert float(one["latent_score"]) == pytest.approx(float(other["latent_score"]))
    densities = {float(document[0]["latent_score"]) for document in together}
    assert len(densities) == 3


def test_first_hypotheses_are_the_best_of_each_draw_in_order(vhm: Any, model: Any) -> None:
    generator, batch = search(vhm, model), vhm.batch()
    found = LatentSampler(generator, 3, "none", seed=1).generate([model], batch)
    seen: list[list[list[int]]] = [[], [], []]
    for number in range(3):
        draw = LatentNoise(1).draw("cls", batch["id"] + (number << 40))
        net_input = {**batch["net_input"], "draw": draw}
        one = generator.generate([model], {**batch, "net_input": net_input})
        for row in range(3):
            best = one[row][0]["tokens"].tolist()
            if best not in seen[row]:
                seen[row].append(best)
    for row in range(3):
        assert tokens(found)[row][: len(seen[row])] == seen[row]


def test_reranking_sorts_by_what_it_names_and_keeps_each_summary_once(vhm: Any, model: Any) -> None:
    generator, batch = search(vhm, model, len_penalty=0.0), vhm.batch()
    by_score = LatentSampler(generator, 4, "score", seed=1).generate([model], batch)
    by_joint = LatentSampler(generator, 4, "joint", seed=1).generate([model], batch)
    for row in range(3):
        scores = [float(one["score"]) for one in by_score[row]]
        assert scores == sorted(scores, reverse=True)
        joint = [float(one["score"] + one["latent_score"]) for one in by_joint[row]]
        assert joint == pytest.approx(sorted(joint, reverse=True))
        once = {tuple(summary) for summary in tokens(by_score)[row]}
        assert len(once) == len(by_score[row])
    assert tokens(by_score) != tokens(by_joint)


def test_recorded_density_is_that_of_all_variables_drawn(vhm: Any, model: Any) -> None:
    batch = vhm.batch()
    gaussians: dict[str, Gaussian] = {}

    def draw(name: str, gaussian: Gaussian) -> torch.Tensor:
        gaussians[name] = gaussian
        return gaussian.mean + gaussian.std

    recorded = RecordedDraw(draw)
    out = model.encoder(batch["net_input"]["src_tokens"], draw=recorded)
    assert sorted(gaussians) == ["cls", "ms", "mt"]
    expected = sum(one.log_prob(one.mean + one.std) for one in gaussians.values())
    torch.testing.assert_close(recorded.log_prob, expected)
    cls = gaussians["cls"]
    assert torch.equal(out[LATENT][0], cls.mean + cls.std)


def test_model_without_latents_cannot_be_sampled(vhm: Any) -> None:
    plain = vhm.model("mt_ms_cls_tiny")
    with pytest.raises(ConfigError, match="--sample-latent 2: the model must have latent"):
        LatentSampler(search(vhm, plain), 2, "none", seed=1)
