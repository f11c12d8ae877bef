#!/usr/bin/env bash
# A real Slurm on this machine alone, for trying things out: one node, over the loopback interface, without systemd.
#
#   scripts/slurm_local.sh start    installs slurm-wlm and munge if they are missing, and starts munged, slurmctld, slurmd
#   scripts/slurm_local.sh stop     stops them and removes their directory
#   export SLURM_CONF=$(scripts/slurm_local.sh conf)    for sbatch, squeue, …
#
# As root. State and logs are in ${RELUSCOPE_SLURM:-/tmp/reluscope-slurm}.
set -euo pipefail

place=${RELUSCOPE_SLURM:-/tmp/reluscope-slurm}
socket=$place/munge.socket

start() {
  "$(dirname "${BASH_SOURCE[0]}")/install_deps.sh" slurm
  if [[ -e $place ]]; then
    echo "slurm_local.sh: $place is there already: stop it first" >&2
    exit 1
  fi
  mkdir -p "$place"/{state,spool,log}
  chmod 755 "$place"
  # Munge refuses keys and directories that others could change.
  mkdir -m 700 "$place/munge"
  dd if=/dev/urandom of="$place/munge/key" bs=1024 count=1 status=none
  chmod 400 "$place/munge/key"
  munged --force --key-file="$place/munge/key" --socket="$socket" --pid-file="$place/munge/pid" \
    --log-file="$place/munge/log" --seed-file="$place/munge/seed"
  local node cpus
  node=$(hostname -s)
  cpus=$(nproc)
  cat >"$place/slurm.conf" <<CONF
ClusterName=reluscope
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$socket
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/log/slurmctld
SlurmdLogFile=$place/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1
MpiDefault=none
ReturnToService=2
MinJobAge=300
NodeName=$node NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN
PartitionName=local Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$place/slurm.conf
  slurmctld
  slurmd
  for _ in $(seq 100); do
    if [[ $(sinfo --noheader --format=%T 2>/dev/null) == idle ]]; then return; fi
    sleep 0.1
  done
  echo "slurm_local.sh: the node did not come up; the logs are in $place/log" >&2
  exit 1
}

stop() {
  local file
  for file in "$place/slurmd.pid" "$place/slurmctld.pid" "$place/munge/pid"; do
    [[ -s $file ]] || continue
    local process
    process=$(<"$file")
    kill "$process" 2>/dev/null || continue
    for _ in $(seq 100); do
      kill -0 "$process" 2>/dev/null || break
      sleep 0.1
    done
  done
  rm -rf "$place"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  conf) echo "$place/slurm.conf" ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
