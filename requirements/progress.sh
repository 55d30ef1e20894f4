#!/usr/bin/env bash
# progress.sh LABEL COMMAND [ARGUMENT ...]
#
# Runs a command that says nothing for a long time, and shows how long it has been at work: on a
# terminal every second in one line, elsewhere every half minute. Ends as the command does.
set -u
label=$1
shift
"$@" &
job=$!
trap 'kill "$job" 2>/dev/null; wait "$job"; exit 130' INT TERM
start=$SECONDS
while kill -0 "$job" 2>/dev/null; do
    sleep 1
    passed=$((SECONDS - start))
    if [ -t 2 ]; then
        printf '\r%s: %d s ' "$label" "$passed" >&2
    elif [ $((passed % 30)) -eq 0 ]; then
        printf '%s: %d s\n' "$label" "$passed" >&2
    fi
done
[ -t 2 ] && printf '\r%s: %d s\n' "$label" $((SECONDS - start)) >&2
wait "$job"
