#!/usr/bin/env bash
# A Slurm of one machine, to try --executor slurm with: a controller, a node and a partition "all", for
# the user who starts it. It needs no rights and touches nothing outside of FOLDER.
#
#   bash slurm_here.sh start FOLDER [PORT]    # prints what to set: export SLURM_CONF=...
#   bash slurm_here.sh kill FOLDER NAME       # kill -9 of slurmctld or slurmd; "start" brings it back
#   bash slurm_here.sh stop FOLDER
#
# Debian: apt-get install slurm-wlm munge. The controller listens on PORT (default 16817), the node on
# the next one, both on this machine only. FOLDER must be one that every user may enter, as /tmp/slurm.
set -euo pipefail

action=${1:?start, kill or stop}
mkdir -p "${2:?folder for configuration, state and logs}"
folder=$(cd "$2" && pwd)
PATH=$PATH:/usr/sbin

# One that was killed may be left for a while as a zombie, which does not run.
running() {
    [ -e "$folder/$1.pid" ] && ps -o stat= -p "$(cat "$folder/$1.pid")" | grep -q '^[^Z]'
}

configure() {
    local size host
    host=$(hostname -s)
    size=$(slurmd -C | head -1 | grep -oE '(CPUs|RealMemory)=[0-9]+' | paste -sd ' ')
    cat > "$folder/slurm.conf" <<END
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
SlurmdPort=$(($1 + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
# A node that was away comes back by itself; after half a minute its jobs are queued again.
ReturnToService=2
SlurmdTimeout=30
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
NodeName=$host NodeAddr=127.0.0.1 $size
PartitionName=all Nodes=$host Default=YES State=UP
END
}

start() {
    mkdir -p "$folder"/{munge,state,spool}
    [ -e "$folder/munge/key" ] || (umask 077 && head -c 128 /dev/urandom > "$folder/munge/key")
    running munge/munged || munged --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
        --pid-file="$folder/munge/munged.pid" --log-file="$folder/munge/log" \
        --seed-file="$folder/munge/seed"
    [ -e "$folder/slurm.conf" ] || configure "${1:-16817}"
    export SLURM_CONF=$folder/slurm.conf
    running slurmctld || slurmctld
    running slurmd || slurmd
    for _ in $(seq 60); do
        sinfo --noheader --format %T 2>/dev/null | grep -qE '^(idle|mixed|allocated)$' && break
        sleep 1
    done
    sinfo >&2
    echo "export SLURM_CONF=$SLURM_CONF"
}

case $action in
    start) start "${3:-}" ;;
    kill) kill -9 "$(cat "$folder/${3:?slurmctld or slurmd}.pid")" ;;
    stop)
        for name in slurmd slurmctld munge/munged; do
            running "$name" && kill "$(cat "$folder/$name.pid")" || true
        done
        ;;
    *) echo "slurm_here.sh: must be told start, kill or stop, but was told '$action'" >&2; exit 2 ;;
esac
