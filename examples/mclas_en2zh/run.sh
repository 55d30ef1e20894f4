#!/usr/bin/env bash
# En2ZhSum: English news with Chinese summaries, with the settings of Bai et al. (2021).
#
#   bash examples/mclas_en2zh/run.sh RECORDS OUT [SCENARIO [SYSTEMS]]
#
# RECORDS holds {train,valid,test}.jsonl[.gz]. bash preprocess/ncls.sh --pair en2zh ... --out PREPARED makes the records from the published files:
# RECORDS is PREPARED/records.
# SCENARIO: minimum, medium, maximum (default) or full. SYSTEMS: "mclas ncls ncls_ms" (default).
# The environment sets SEED, ENCODER (name or folder), MS_UPDATES, UPDATES, SPLIT, LENPEN, MAX_LEN,
# WORKERS, and FLAGS for fairseq-train, e.g. FLAGS="--bf16". Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=examples/mclas_paper.sh
. "$here/../mclas_paper.sh"

source=en target=zh
declare -A triples=([minimum]=1500 [medium]=7500 [maximum]=15000 [full]=364687)
extra=()
paper_recipe "$@"
