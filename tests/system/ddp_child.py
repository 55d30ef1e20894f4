"""One rank of a training with torch's own DistributedDataParallel, for `test_multitask_training`.

Run by path with a job as JSON: {"data": DATA_BIN, "rank": R, "init": FILE, "out": FILE}. Two
updates of VHM on the rank's share of the batches; what it writes are the gradients after each.
fairseq's `legacy_ddp`, the one that runs on the CPU, would hide a parameter that no task uses.
"""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from fairseq.distributed import ModuleProxyWrapper
from fairseq.models import ARCH_CONFIG_REGISTRY
from torch.nn.parallel import DistributedDataParallel

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.vhm.elbo import VhmElbo, VhmElboConfig
from mclas_fairseq.vhm.task import (
    MultitaskSummarizationConfig,
    MultitaskSummarizationTask,
)

RANKS, UPDATES = 2, 2


def main(job: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{job['init']}", rank=job["rank"], world_size=RANKS
    )
    data_bin = DataBin.open(Path(job["data"]))
    config = MultitaskSummarizationConfig(
        data=job["data"], target_lang="de", max_source_positions=96, seed=1, save_dir=""
    )
    task = MultitaskSummarizationTask(config, data_bin)
    task.load_dataset("train", epoch=1)
    criterion = VhmElbo(
        VhmElboConfig(kl_annealing_updates=4, seed=1, max_update=8, sentence_avg=False), task
    )
    args = Namespace(encoder_layers=1, decoder_layers=1, encoder_embed_dim=16, dropout=0.0)
    args.decoder_embed_dim = args.encoder_ffn_embed_dim = args.decoder_ffn_embed_dim = 16
    args._name = args.arch = "vhm_tiny"
    ARCH_CONFIG_REGISTRY["vhm_tiny"](args)
    torch.manual_seed(1)
    model: Any = task.build_model(args)
    # As fairseq wraps it: what is no method of DDP is looked up on the model.
    wrapped = ModuleProxyWrapper(DistributedDataParallel(model))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    iterator = task.get_batch_iterator(
        task.datasets["train"], max_sentences=4, num_shards=RANKS, shard_id=job["rank"]
    )
    found = []
    for update, batch in enumerate(iterator.next_epoch_itr(shuffle=True)):
        if update == UPDATES:
            break
        model.set_num_updates(update)
        optimizer.zero_grad()
        loss, _, _ = criterion(wrapped, batch)
        loss.backward()
        optimizer.step()
        found.append({name: float(p.grad.norm()) for name, p in model.named_parameters()})
    Path(job["out"]).write_text(json.dumps(found), encoding="utf-8")
    dist.destroy_process_group()


if __name__ == "__main__":
    # From a process that was forked with fairseq imported, or from a new interpreter.
    main(json.loads(globals().get("JOB") or sys.argv[1]))
