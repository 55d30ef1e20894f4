# Read by the recipes that train on a CPU: sets the array `bf16` to --bf16 where the processor
# computes in it, and to nothing where torch would emulate it, many times slower than fp32.
# shellcheck shell=bash disable=SC2034
bf16=()
if python -c 'import sys
from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16
sys.exit(not processor_has_bf16())'; then
    bf16=(--bf16)
fi
