#!/usr/bin/env bash
# stop.sh FOLDER: end what start.sh started there, jobs included, by process id. FOLDER stays.
set -uo pipefail
folder=$(cd "${1:?usage: stop.sh FOLDER}" && pwd) || exit 1
export SLURM_CONF=$folder/slurm.conf

alive() { grep -q "$2" "/proc/$1/cmdline" 2>/dev/null; } # PID NAME
timeout 10 scancel --quiet --me 2>/dev/null
for _ in $(seq 80); do [ -z "$(timeout 5 squeue -h 2>/dev/null)" ] && break; sleep 0.1; done
for name in $(ls "$folder/pids" | sort -r); do # slurmds, slurmctld, munged
    pid=$(cat "$folder/pids/$name") program=${name%%-*}
    alive "$pid" "$program" && kill "$pid"
    for _ in $(seq 50); do alive "$pid" "$program" || break; sleep 0.1; done
    alive "$pid" "$program" && kill -9 "$pid"
    rm -f "$folder/pids/$name"
done
# What a slurmd that was killed has left: a slurmstepd holds files of FOLDER open.
for process in /proc/[0-9]*; do
    [ "$(cat "$process/comm" 2>/dev/null)" = slurmstepd ] || continue
    ls -l "$process/fd" 2>/dev/null | grep -qF "$folder/" || continue
    kill -9 $(cat "$process"/task/*/children 2>/dev/null) "${process#/proc/}" 2>/dev/null
done
exit 0
