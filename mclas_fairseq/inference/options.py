"""Options of decoding, apart from what needs torch: a command line is built without it."""

from dataclasses import dataclass

from mclas_fairseq.errors import ConfigError


@dataclass(frozen=True)
class DecodingOptions:
    """How summaries are searched for; names and meanings are fairseq-generate's.

    Attributes:
        beam: hypotheses kept at each step.
        nbest: hypotheses returned for each document.
        max_len_a: longest summary, per token of the document.
        max_len_b: longest summary, constant part; the limit of each summary is
            int(max_len_a * T_src + max_len_b) tokens.
        min_len: shortest summary in tokens, each.
        lenpen: exponent of the length penalty.
        length_penalty: "fairseq" or "gnmt".
        no_repeat_ngram_size: n-grams that must not occur twice, 0 for none.
        ngram_block_scope: "summary" or "sequence".
        restrict_vocab: "both", "target" or "none".
        summary_decoder: which decoder of a model with two writes, "cls", "ms" or "both".
        generate_task: what a model of several tasks makes of a document, "cls", "ms" or "mt".
        sample_latent: draws of the latent variables of a document; 0: their prior means.
        latent_reranking: order of the hypotheses of several draws, "none", "score" or "joint".
    """

    beam: int = 5
    nbest: int = 1
    max_len_a: float = 0.0
    max_len_b: int = 100
    min_len: int = 1
    lenpen: float = 1.0
    length_penalty: str = "fairseq"
    no_repeat_ngram_size: int = 3
    ngram_block_scope: str = "summary"
    restrict_vocab: str = "both"
    summary_decoder: str = "cls"
    generate_task: str = "cls"
    sample_latent: int = 0
    latent_reranking: str = "none"

    def __post_init__(self) -> None:
        """Check what fairseq would only assert."""
        if self.beam < 1:
            raise ConfigError(f"--beam {self.beam}: it must be at least 1; give 5, say")
        if not 1 <= self.nbest <= self.beam:
            raise ConfigError(
                f"--nbest {self.nbest}: it must lie between 1 and --beam {self.beam}; "
                "raise --beam or lower --nbest"
            )
