#!/usr/bin/env bash
# En2DeSum: English articles with German headlines, with the settings of Bai et al. (2021).
#
#   bash examples/mclas_en2de/run.sh RECORDS OUT [SCENARIO [SYSTEMS]]
#
# RECORDS holds {train,valid,test}.jsonl[.gz]. bash preprocess/en2de_roundtrip.sh ... --out PREPARED makes the records from Gigaword (LDC2011T07):
# link PREPARED/roundtrip-SPLIT/corpus.jsonl.gz as RECORDS/SPLIT.jsonl.gz.
# SCENARIO: minimum, medium, maximum (default) or full. SYSTEMS: "mclas ncls ncls_ms" (default).
# The environment sets SEED, ENCODER (name or folder), MS_UPDATES, UPDATES, SPLIT, LENPEN, MAX_LEN,
# WORKERS, and FLAGS for fairseq-train, e.g. FLAGS="--bf16". Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=examples/mclas_paper.sh
. "$here/../mclas_paper.sh"

source=en target=de
declare -A triples=([minimum]=2619 [medium]=12925 [maximum]=25832 [full]=429393)
extra=()
paper_recipe "$@"
