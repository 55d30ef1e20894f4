#!/usr/bin/env bash
# Zh2EnSum: Chinese microblogs with English summaries, with the settings of Bai et al. (2021).
#
#   bash examples/mclas_zh2en/run.sh RECORDS OUT [SCENARIO [SYSTEMS]]
#
# RECORDS holds {train,valid,test}.jsonl[.gz]. bash preprocess/ncls.sh --pair zh2en ... --out PREPARED makes the records from the published files:
# RECORDS is PREPARED/records.
# SCENARIO: minimum, medium, maximum (default) or full. SYSTEMS: "mclas ncls ncls_ms" (default).
# The environment sets SEED, ENCODER (name or folder), MS_UPDATES, UPDATES, SPLIT, LENPEN, MAX_LEN,
# WORKERS, and FLAGS for fairseq-train, e.g. FLAGS="--bf16". Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=examples/mclas_paper.sh
. "$here/../mclas_paper.sh"

source=zh target=en
declare -A triples=([minimum]=5000 [medium]=25000 [maximum]=50000 [full]=1693713)
extra=()
paper_recipe "$@"
