# Read by the recipes that train on a CPU: sets the array `bf16` to --bf16 where the processor
# computes in it, and to nothing where torch would emulate it, many times slower than fp32.
# shellcheck shell=bash disable=SC2034
bf16=()
has_bf16=$(python -c 'from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16
print(processor_has_bf16())')
if [[ $has_bf16 == True ]]; then
    bf16=(--bf16)
fi
