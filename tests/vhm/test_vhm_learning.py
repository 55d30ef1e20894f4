"""VHM learns a small world of three tasks; where z is the only way, each document needs its own."""

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import torch

from mclas_fairseq.evaluation.intervals import bootstrap_interval
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import build_grammar
from mclas_fairseq.vhm.terms import latent_means, reference_nll

UPDATES, ROWS, HELD_OUT = 300, 32, 300
FIRST_WORD, WORDS_OF_A_TOPIC, TOPICS = 4, 4, 4
TAGS = {"mt": 24, "ms": 25, "cls": 26}


def example(task: str, random: Random) -> tuple[list[int], list[int]]:
    """A document of one topic with stray words, and its translation or summary.

    The other language's words are the document's, moved by three. A summary keeps the first two
    words and ends with the name of the topic that most words are of, which is no word of documents.
    """
    count = TOPICS * WORDS_OF_A_TOPIC
    own = random.randrange(TOPICS)
    words = [
        own * WORDS_OF_A_TOPIC + random.randrange(WORDS_OF_A_TOPIC)
        if random.random() < 0.6
        else random.randrange(count)
        for _ in range(10)
    ]
    topics = Counter(word // WORDS_OF_A_TOPIC for word in words)
    topic = max(topics, key=lambda one: (topics[one], one))
    kept = words[:4] if task == "mt" else words[:2]
    target = kept if task == "ms" else [(word + 3) % count for word in kept]
    if task != "mt":
        target = [*target, count + topic]
    return (
        [TAGS[task], *(FIRST_WORD + word for word in words), 2],
        [*(FIRST_WORD + word for word in target), 2],
    )


def batch_of(task: str, seed: int, rows: int) -> dict[str, Any]:
    random = Random(f"{task}-{seed}")
    pairs = [example(task, random) for _ in range(rows)]
    source, target = (torch.tensor([pair[side] for pair in pairs]) for side in (0, 1))
    previous = torch.cat([torch.zeros(rows, 1, dtype=torch.long), target[:, :-1]], dim=1)
    return {
        "id": torch.arange(rows) + seed * rows,
        "ntokens": target.numel(),
        "net_input": {
            "src_tokens": source,
            "src_lengths": torch.full((rows,), source.size(1)),
            "prev_output_tokens": previous,
        },
        "target": target,
        "tgt_src_tokens": target,
    }


def train(vhm: Any, **options: Any) -> Any:
    """A model after a few hundred updates, in evaluation mode."""
    sizes = {f"{side}_embed_dim": 32 for side in ("encoder", "decoder")}
    model = vhm.model(seed=1, **sizes, **options).train()
    criterion = vhm.criterion(max_update=UPDATES, free_bits=4.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for update in range(UPDATES):
        model.set_num_updates(update)
        sample = {task: batch_of(task, update + 1, ROWS) for task in TAGS}
        loss, tokens, _ = criterion(model, sample)
        optimizer.zero_grad()
        (loss / tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * min(1.0, (update + 1) / 50) * (1.0 - update / UPDATES)
        optimizer.step()
    return model.eval()


def test_it_writes_summaries_of_documents_it_has_not_seen(vhm: Any) -> None:
    learned = train(vhm)
    batch = batch_of("cls", 0, HELD_OUT)
    grammar = build_grammar(
        vhm.dictionary,
        [range(FIRST_WORD, FIRST_WORD + 20)],
        separator=vhm.dictionary.unk(),
        restrict_vocab="both",
        min_len=1,
        max_len_a=0.0,
        max_len_b=6,
    )
    generator = SummaryGenerator([learned], vhm.dictionary, grammar=grammar, beam_size=2)
    found = generator.generate([learned], batch)
    right = [
        one[0]["tokens"].tolist() == target
        for one, target in zip(found, batch["target"].tolist(), strict=True)
    ]
    assert np.mean(right) > 0.7  # chance is one in a thousand


def test_another_documents_z_and_the_mean_one_hurt_where_z_is_the_only_way(vhm: Any) -> None:
    """Attention alone solves this world; here the decoder has none to the document."""
    learned = train(vhm, no_cross_attention=True)
    batch = batch_of("cls", 0, HELD_OUT)
    z = latent_means(learned, batch)[0].z["cls"]
    base = reference_nll(learned, batch)
    for other in (z.roll(1, 0), z.mean(dim=0).expand_as(z)):

        def draw(name: str, gaussian: Any, other: torch.Tensor = other) -> torch.Tensor:
            return other if name == "cls" else gaussian.mean

        cost = (reference_nll(learned, batch, draw) - base).double().numpy()
        assert bootstrap_interval(cost)[0] > 0.1
