"""VHM: one Transformer for translation and both summarizations, with hierarchical latents.

Liang et al. (2022), "A Variational Hierarchical Model for Neural Cross-Lingual Summarization"
(ACL 2022, arXiv:2203.03820), section 3. Its baselines are the same network with parts left out,
each a family of architectures: TNCLS (`tncls`), MS-CLS (`ms_cls`), MT-CLS (`mt_cls`), MT-MS-CLS
(`mt_ms_cls`). Sizes, norms and positions are those of the `mclas` architectures, so that all
systems of a comparison differ in what the papers say alone.
"""

import copy
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import Any, Optional, cast

from fairseq.models import register_model, register_model_architecture
from fairseq.models.transformer import TransformerConfig
from omegaconf import OmegaConf
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.modules.translation_table import TranslationTable
from mclas_fairseq.summarization.model import (
    MclasModel,
    mclas_base,
    mclas_mbart,
    mclas_small,
    mclas_tiny,
)
from mclas_fairseq.vhm.batches import TrainTask
from mclas_fairseq.vhm.latents import GLOBAL, LOCALS_IN_CLS, TASKS, LatentPlan
from mclas_fairseq.vhm.noise import LatentNoise
from mclas_fairseq.vhm.parts import LatentDecoder, LatentEncoder, encoder_pass

Output = tuple[Tensor, dict[str, Any]]
Batch = Mapping[str, Any]

# What the paper's baselines train, and whether each task has a decoder of its own.
_BASELINES = {
    "tncls": ("cls", False),
    "ms_cls": ("ms,cls", True),
    "mt_cls": ("mt,cls", True),
    "mt_ms_cls": ("mt,ms,cls", False),
}


@register_model("vhm")
class VhmModel(MclasModel):
    """Shared encoder; a decoder for all tasks, or for each; latent variables as planned.

    `decoder` writes cross-lingual summaries; `other_decoders` holds those of other tasks where
    tasks do not share one.
    """

    new_beside_mbart = ("encoder.latents.", "decoder.latent_projections.")

    def __init__(self, args: Any, encoder: LatentEncoder, decoder: LatentDecoder):
        super().__init__(args, encoder, decoder)
        self.locals_in_cls: str = args.cls_local_latents
        self.num_updates = 0
        self.other_decoders = nn.ModuleDict()
        if args.separate_decoders:
            for task in args.model_tasks.split(","):
                if task != GLOBAL:
                    build: Any = type(self).build_decoder
                    self.other_decoders[task] = build(
                        args, decoder.dictionary, decoder.embed_tokens
                    )

    @classmethod
    def add_args(cls, parser: ArgumentParser) -> None:
        """Add the options of `mclas` and ours."""
        MclasModel.add_args(parser)
        parser.add_argument(
            "--latents",
            metavar="NAMES",
            help="latent variables: mt,ms,cls or some of them, or none. Without cls, the decoder "
            "reads the local ones in cross-lingual summarization",
        )
        parser.add_argument("--latent-dim", type=int, metavar="Z", help="size of each (128)")
        parser.add_argument(
            "--no-latent-hierarchy",
            action="store_true",
            help="the global latent variable is not conditioned on the local ones",
        )
        parser.add_argument(
            "--cls-local-latents",
            choices=LOCALS_IN_CLS,
            help="what the local latent variables are drawn from in a batch of cross-lingual "
            "summarization, in training: their priors (prior, the default), the recognition "
            "networks with the KL that belongs to it (posterior), for z_ms the recognition network "
            "on the summary in the document's language (summary), or posterior and prior apart "
            "without a KL, as in the paper's code (split)",
        )
        parser.add_argument(
            "--projection-without-latents",
            action="store_true",
            help="without latent variables, as in mt_ms_cls_small, keep the layer that reads them, "
            "o_t = tanh(W h_t + b), one for each task: a control of what the layer itself brings",
        )
        parser.add_argument(
            "--separate-decoders",
            action="store_true",
            help="give each task a decoder of its own; they share the embedding",
        )

    @classmethod
    def build_model(cls, args: Namespace, task: Any) -> "VhmModel":
        """Build the model for the task `multitask_summarization`.

        Raises:
            ConfigError: it is another task, or it does not train what the architecture needs.
        """
        if OmegaConf.is_config(args):
            args = Namespace(**cast(dict[str, Any], OmegaConf.to_container(args)))
        tasks = getattr(task, "train_tasks", None)
        if tasks is None:
            raise ConfigError(
                "architecture vhm: it needs a task that trains several corpora together, the task "
                f"given is {type(task).__name__}; add --task multitask_summarization"
            )
        # A checkpoint's wins: decoding names no tasks.
        args.model_tasks = getattr(args, "model_tasks", None) or ",".join(tasks)
        _check_tasks(args)
        built: Any = super().build_model(args, task)
        if built.decoder.translations is not None:
            built.decoder.translations.untranslated = task.tags[TrainTask.MS]
        model: VhmModel = built
        return model

    def translate_copies(self, table: TranslationTable) -> None:
        """Copy by lexicons in the decoders that write the target language, one table for them."""
        super().translate_copies(table)
        others: Any = self.other_decoders
        if TrainTask.MT.value in others:
            others[TrainTask.MT.value].translations = table

    @classmethod
    def build_encoder(cls, args: Any, src_dict: Any, embed_tokens: nn.Embedding) -> LatentEncoder:
        """Build the shared encoder with the latent variables' networks."""
        cfg = TransformerConfig.from_namespace(args)
        bare = _bare_projection(args)
        return LatentEncoder(cfg, src_dict, embed_tokens, _plan(args), args.latent_dim, bare)

    @classmethod
    def build_decoder(cls, args: Any, tgt_dict: Any, embed_tokens: nn.Embedding) -> LatentDecoder:
        """Build a decoder, with a projection for each task that reads latent variables."""
        cfg, plan = TransformerConfig.from_namespace(args), _plan(args)
        read = {task: plan.decoder_inputs(task) for task in args.model_tasks.split(",")}
        bare = _bare_projection(args)
        dims = {task: args.latent_dim * len(names) for task, names in read.items() if names or bare}
        copy = bool(getattr(args, "copy_attention", False))
        return LatentDecoder(cfg, tgt_dict, embed_tokens, copy=copy, latent_dims=dims)

    @property
    def plan(self) -> LatentPlan:
        """Which latent variables there are."""
        encoder: Any = self.encoder
        plan: LatentPlan = encoder.plan
        return plan

    def set_num_updates(self, num_updates: int) -> None:
        """Called by fairseq before each update: on it depend annealing and noise, nothing else."""
        super().set_num_updates(num_updates)
        self.num_updates = num_updates

    def forward(  # type: ignore[override]  # all tasks of an update, not one batch
        self,
        batches: Mapping[str, Batch],
        noise: Optional[LatentNoise] = None,
        target_masks: Optional[Mapping[str, Tensor]] = None,
    ) -> dict[str, Output]:
        """Run every task of an update, with latent variables from the recognition networks.

        Args:
            batches: by task. Each has `id` (B,), `net_input` with `src_tokens` (B, T_src) and
                `prev_output_tokens` (B, T_tgt) and, where the task has latent variables,
                `tgt_src_tokens` (B, T_y), the reference as the encoder reads it; with
                --cls-local-latents summary the CLS batch also `ms_tgt_src_tokens`.
            noise: what draws depend on; None: means instead of draws.
            target_masks: by task the positions whose logits are wanted, bool, shape (B, T_tgt);
                None: all.

        Returns:
            By task: logits (B, T_tgt, V) and fairseq's extra dictionary, whose entry `latents`
            holds priors, posteriors and values (`LatentOutput`). With `target_masks`,
            see `SummaryDecoder`.
        """
        masks = target_masks or {}
        return {
            task: self._run(task, batch, noise, masks.get(task)) for task, batch in batches.items()
        }

    def decoder_of(self, task: str) -> LatentDecoder:
        """The decoder that writes the targets of a task."""
        others: Any = self.other_decoders
        decoder: Any = others[task] if task in others else self.decoder  # noqa: SIM401
        found: LatentDecoder = decoder
        return found

    def one_decoder(self, task: str) -> "VhmModel":
        """This model, the same parameters, with the decoder of a task as its only one."""
        chosen = copy.copy(self)
        chosen._modules = {**self._modules, "decoder": self.decoder_of(task)}
        return chosen

    def _run(
        self, task: str, batch: Batch, noise: Optional[LatentNoise], target_mask: Optional[Tensor]
    ) -> Output:
        encoder: Any = self.encoder
        out, latents = encoder_pass(encoder, task, batch, noise, self.locals_in_cls)
        tokens = batch["net_input"]["prev_output_tokens"]
        logits, extra = self.decoder_of(task)(tokens, encoder_out=out, target_mask=target_mask)
        extra["latents"] = latents
        return logits, extra


def _plan(args: Any) -> LatentPlan:
    return LatentPlan.parse(args.latents, hierarchical=not args.no_latent_hierarchy)


def _bare_projection(args: Any) -> bool:
    # Checkpoints of before the option do not name it.
    return bool(getattr(args, "projection_without_latents", False))


def _check_tasks(args: Any) -> None:
    """Refuse latent variables without their task, and tasks that an architecture is not for."""
    plan, tasks = _plan(args), args.model_tasks.split(",")
    untrained = [name for name in plan.names if name not in tasks]
    if untrained:
        raise ConfigError(
            f"--latents {args.latents}: each latent variable needs its task, {untrained[0]} is "
            f"not in --train-tasks {args.model_tasks}; add it there or take it out of --latents"
        )
    if _bare_projection(args) and plan.names:
        raise ConfigError(
            f"--projection-without-latents: is for models without latent variables, this one has "
            f"{', '.join(plan.names)}; give --arch mt_ms_cls_small, say, or --latents none"
        )
    needed = getattr(args, "architecture_tasks", None)
    if needed is not None and sorted(needed.split(",")) != sorted(tasks):
        raise ConfigError(
            f"--train-tasks {args.model_tasks}: this architecture is for {needed}; give "
            f"--train-tasks {needed}, or another --arch"
        )
    if args.latent_dim < 1:
        raise ConfigError(f"--latent-dim {args.latent_dim}: must be at least 1; give 128, say")


def _defaults(args: Namespace, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if getattr(args, name, None) is None:
            setattr(args, name, value)


def _whole_model(args: Namespace) -> None:
    options = {"latents": ",".join(TASKS), "latent_dim": 128, "no_latent_hierarchy": False}
    options |= {"projection_without_latents": False}
    _defaults(args, {**options, "cls_local_latents": "prior", "separate_decoders": False})


@register_model_architecture("vhm", "vhm_base")
def vhm_base(args: Namespace) -> None:
    """6+6 layers, C 512, FFN 2048, 8 heads, Z 128: the paper's."""
    _whole_model(args)
    mclas_base(args)


@register_model_architecture("vhm", "vhm_small")
def vhm_small(args: Namespace) -> None:
    """3+3 layers, C 256, FFN 1024, 4 heads, Z 128."""
    _whole_model(args)
    mclas_small(args)


@register_model_architecture("vhm", "vhm_tiny")
def vhm_tiny(args: Namespace) -> None:
    """2+2 layers, C 128, FFN 512, 4 heads, Z 32: demonstrations and tests."""
    _defaults(args, {"latent_dim": 32})
    _whole_model(args)
    mclas_tiny(args)


@register_model_architecture("vhm", "vhm_mbart")
def vhm_mbart(args: Namespace) -> None:
    """As fairseq's mbart_large, Z 128; --init-from-mbart starts all but the latent variables."""
    _whole_model(args)
    mclas_mbart(args)


def _register_baselines() -> None:
    sizes = {"base": mclas_base, "small": mclas_small, "tiny": mclas_tiny}
    for family, (tasks, separate) in _BASELINES.items():
        for size, sized in sizes.items():
            register_model_architecture("vhm", f"{family}_{size}")(
                _baseline(tasks, separate, sized)
            )


def _baseline(
    tasks: str, separate: bool, sized: Callable[[Namespace], None]
) -> Callable[[Namespace], None]:
    def architecture(args: Namespace) -> None:
        # Not defaults: a baseline with latent variables would not be one.
        args.latents, args.separate_decoders, args.architecture_tasks = "none", separate, tasks
        _whole_model(args)
        sized(args)

    return architecture


_register_baselines()
