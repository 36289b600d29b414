#!/usr/bin/env bash
# start.sh FOLDER: a small Slurm on this one machine, for tests and demonstrations.
#
#   apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
#   slurm/local/start.sh /tmp/slurm && export SLURM_CONF=/tmp/slurm/slurm.conf && srun hostname
#   slurm/local/stop.sh /tmp/slurm
#
# Everything lies in FOLDER: keys, state, logs, process ids. Nobody off this machine can connect.
# Nodes and GPUs are pretended. Partitions: debug, low and high; jobs in low make way for jobs in
# high. May be started again: what is alive is kept.
#
# Settings, from the environment: NODES=2 CPUS=2 (a node) MEMORY=4000 (MB a node) GPUS=0 (a node)
#   PORT=17600 (and the NODES after it) MAX_ARRAY=1001 GRACE=5 (seconds for jobs in low)
#   PREEMPT_SIGNAL=1 (0: jobs that make way get SIGTERM alone, as on many clusters)
#   ACCOUNTING=0 (1: slurmdbd and a database, so sacct; apt-get install slurmdbd mariadb-server)
set -euo pipefail
folder=${1:?usage: start.sh FOLDER}
NODES=${NODES:-2} CPUS=${CPUS:-2} MEMORY=${MEMORY:-4000} GPUS=${GPUS:-0} PORT=${PORT:-17600}
MAX_ARRAY=${MAX_ARRAY:-1001} GRACE=${GRACE:-5} PREEMPT_SIGNAL=${PREEMPT_SIGNAL:-1}
ACCOUNTING=${ACCOUNTING:-0}
PATH=$PATH:/usr/sbin:/sbin
umask 022
mkdir -p "$folder"/{pids,logs,state,spool,devices}
folder=$(cd "$folder" && pwd)
export SLURM_CONF=$folder/slurm.conf

fail() { echo "start.sh: $*" >&2; tail -n 5 "$folder"/logs/* >&2; exit 1; }
alive() { # NAME: its process lives and has not become another's
    [ -s "$folder/pids/$1" ] && grep -q "${1%%-*}" "/proc/$(cat "$folder/pids/$1")/cmdline" 2>/dev/null
}
launch() { # NAME COMMAND...: unless it is alive
    local name=$1; shift
    alive "$name" && return
    setsid "$@" </dev/null >>"$folder/logs/$name" 2>&1 & echo $! >"$folder/pids/$name"
}
await() { # COMMAND...: until it succeeds
    for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
    fail "$* did not succeed within 30 s"
}
needed="munged slurmctld slurmd sinfo"
[ "$ACCOUNTING" = 1 ] && needed+=" mariadbd slurmdbd"
for program in $needed; do
    command -v $program >/dev/null || fail "there is no $program; see the head of this script"
done

# ---- slurm.conf
release=$(slurmctld -V | sed -E 's/[^0-9]*([0-9]+)\.([0-9]+).*/\1\2/') # 22.05.8 -> 2205
signal=
if [ "$PREEMPT_SIGNAL" = 1 ]; then
    signal=SlurmctldParameters=preempt_send_user_signal
    [ "$release" -ge 2302 ] && signal=PreemptParameters=send_user_signal
fi
[ "$release" -ge 2311 ] && echo CgroupPlugin=disabled >"$folder/cgroup.conf"
accounting=AccountingStorageType=accounting_storage/none
if [ "$ACCOUNTING" = 1 ]; then
    accounting="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT + NODES + 1))
AccountingStoragePass=$folder/munge.socket"
fi
nodes= gres=
[ "$GPUS" -gt 0 ] && gres=" Gres=gpu:$GPUS"
echo AutoDetect=off >"$folder/gres.conf"
for i in $(seq "$NODES"); do
    nodes+="NodeName=node$i NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((PORT + i)) "
    nodes+="CPUs=$CPUS CoresPerSocket=$CPUS RealMemory=$MEMORY$gres"$'\n'
    for g in $(seq "$GPUS"); do
        ln -sfn /dev/null "$folder/devices/node$i-$g" # Slurm takes no plain file for a GPU
        echo "NodeName=node$i Name=gpu File=$folder/devices/node$i-$g" >>"$folder/gres.conf"
    done
done
cat >"$SLURM_CONF" <<CONF
ClusterName=local
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/state/slurmctld.pid
SlurmdPidFile=$folder/state/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=2,sched_interval=2
SlurmdParameters=config_overrides
GresTypes=gpu
$accounting
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
MaxArraySize=$MAX_ARRAY
DefMemPerCPU=$((MEMORY / CPUS))
# Short, so that a demonstration of trouble is short.
KillWait=2
SlurmdTimeout=6
SlurmctldTimeout=10
TCPTimeout=2
MessageTimeout=5
ReturnToService=2
$signal
${nodes}PartitionName=debug Nodes=ALL Default=YES MaxTime=600 DefaultTime=10 PriorityTier=5 PreemptMode=OFF
PartitionName=low Nodes=ALL MaxTime=600 DefaultTime=10 PriorityTier=1 PreemptMode=REQUEUE GraceTime=$GRACE
PartitionName=high Nodes=ALL MaxTime=600 DefaultTime=10 PriorityTier=10 PreemptMode=OFF
CONF

# ---- daemons
if ! alive munged; then
    key=$folder/munge.key
    [ -s "$key" ] || (umask 077 && head -c 128 /dev/urandom >"$key")
    rm -f "$folder/munge.socket"*
    launch munged munged --foreground --force --socket="$folder/munge.socket" --key-file="$key" \
        --pid-file="$folder/state/munged.pid" --seed-file="$folder/munge.seed" \
        --log-file="$folder/logs/munged.log"
fi
await munge -S "$folder/munge.socket" -n -o /dev/null
if [ "$ACCOUNTING" = 1 ]; then
    # The database has no port, and knows this user by the socket alone.
    me=$(id -un)
    export MYSQL_UNIX_PORT=$folder/mariadb.socket
    [ -d "$folder/database/mysql" ] ||
        mariadb-install-db --no-defaults --datadir="$folder/database" --user="$me" \
            --auth-root-socket-user="$me" --skip-test-db >"$folder/logs/mariadb-install" 2>&1 ||
        fail "no database could be made"
    launch mariadbd mariadbd --no-defaults --user="$me" --datadir="$folder/database" \
        --socket="$MYSQL_UNIX_PORT" --skip-networking --innodb-lock-wait-timeout=900
    await mariadb-admin --no-defaults --socket="$MYSQL_UNIX_PORT" --user=root ping
    (umask 077 && cat >"$folder/slurmdbd.conf") <<CONF
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
DbdHost=$(hostname -s)
DbdAddr=127.0.0.1
DbdPort=$((PORT + NODES + 1))
CommunicationParameters=NoInAddrAny
SlurmUser=$me
PidFile=$folder/state/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=$me
CONF
    launch slurmdbd slurmdbd -D
    await sacctmgr --noheader show cluster
    sacctmgr --immediate --quiet add cluster local >/dev/null 2>&1 || true # it may be there
fi
launch slurmctld slurmctld -D
await scontrol ping
for i in $(seq "$NODES"); do
    mkdir -p "$folder/spool/node$i"
    launch "slurmd-node$i" slurmd -D -N "node$i"
done
up() { [ "$(sinfo -hN -p debug -o %T | grep -cE '^(idle|mixed|allocated|completing)$')" = "$NODES" ]; }
for i in $(seq "$NODES"); do
    case $(sinfo -h -n "node$i" -o %T | head -n 1) in
    # From an earlier end; Slurm refuses where the node has come back by itself meanwhile.
    down* | drain*) scontrol update nodename="node$i" state=resume 2>/dev/null || true ;;
    esac
done
await up
echo "export SLURM_CONF=$SLURM_CONF"
