#!/bin/bash
# A room of Linux hosts: runs in a mount and a network namespace of its own and ends, with every host, when its standard input does.
# Then the kernel takes mounts, bridge and addresses away, however it ended; what is left is an empty cgroup for each host.
#
#   room.sh TOOLS ROOT FILES WORK
#
# Reads `boot NAME ADDRESS BYTES` and `off NAME`; says `up NAME PID`, PID being the host's init, and `down NAME`.
set -euo pipefail
tools=$1 root=$2 files=$3 work=$4
declare -A nspawn=() inits=()

mount --make-rprivate /
# A cgroup of its own for each host: with --keep-unit all of them would share ours, and stopping a unit in one would hit the others.
cgroups=/sys/fs/cgroup
if [[ $(stat -f -c %T $cgroups) != cgroup2fs ]]; then
  mount -t tmpfs -o mode=755 tmpfs /mnt
  mkdir /mnt/cgroup
  mount -t cgroup2 cgroup2 /mnt/cgroup
  umount --recursive $cgroups
  mount --move /mnt/cgroup $cgroups
fi
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
ip link add hosts type bridge
ip address add 10.77.0.1/24 dev hosts
ip link set hosts up

cgroup_of() { echo "$cgroups/novacron-hosts-$$-$1"; }

boot() {
  local name=$1 address=$2 bytes=$3 place=$work/$1
  if [[ ! -d $place/changes ]]; then
    # What a host writes lies in memory: its disk has the size that was asked for, and is gone with the room.
    mkdir -p "$place"
    mount -t tmpfs -o "mode=755,size=$bytes" tmpfs "$place"
    mkdir "$place"/{changes,scratch,disk}
    cp --recursive --no-preserve=ownership "$files/." "$place/changes"
    echo "$name" >"$place/changes/etc/hostname"
    mount -t overlay -o "lowerdir=$root,upperdir=$place/changes,workdir=$place/scratch" overlay "$place/disk"
    chroot "$place/disk" systemctl --quiet enable novacron-api novacron-worker novacron-scheduler postgresql
  fi
  mkdir -p "$(cgroup_of "$name")"
  # Dies with us, and its host with it.
  (
    echo 0 >"$(cgroup_of "$name")/cgroup.procs"
    exec setpriv --pdeathsig KILL env "LD_LIBRARY_PATH=$tools/usr/lib/$(uname -m)-linux-gnu/systemd" \
      "$tools/usr/bin/systemd-nspawn" --quiet --boot --keep-unit --register=no --console=pipe \
      --directory="$place/disk" --machine="$name" --network-bridge=hosts \
      --link-journal=no --resolv-conf=off --timezone=off
  ) </dev/null >>"$work/$name.log" 2>&1 &
  nspawn[$name]=$!
  local init=
  for _ in {1..200}; do
    read -r init _ <"/proc/${nspawn[$name]}/task/${nspawn[$name]}/children" || true
    if [[ $init ]] && nsenter --target "$init" --net ip address add "$address/24" dev host0 2>/dev/null; then
      nsenter --target "$init" --net ip link set host0 up
      nsenter --target "$init" --net ip route add default via 10.77.0.1
      inits[$name]=$init
      echo "up $name $init"
      return
    fi
    [[ -d /proc/${nspawn[$name]} ]] || break
    sleep 0.05
  done
  echo "failed $name"
}

# Off as by pulling its plug.
off() {
  local name=$1
  if [[ ${nspawn[$name]-} ]]; then
    # Its init first, with which all the rest goes, so that nspawn collects it and ends.
    kill -KILL "${inits[$name]-${nspawn[$name]}}" 2>/dev/null || true
    timeout 5 tail --pid="${nspawn[$name]}" -f /dev/null || echo 1 >"$(cgroup_of "$name")/cgroup.kill"
    wait "${nspawn[$name]}" 2>/dev/null || true
    unset "nspawn[$name]"
  fi
  for _ in {1..100}; do
    # Inner ones first; one can be removed when its last process is gone.
    if find "$(cgroup_of "$name")" -depth -type d -exec rmdir {} + 2>/dev/null; then break; fi
    sleep 0.02
  done
  echo "down $name"
}

trap 'for name in "${!nspawn[@]}"; do off "$name"; done >/dev/null' EXIT
# Cgroups of rooms that were killed.
for left in "$cgroups"/novacron-hosts-*; do
  pid=${left#"$cgroups"/novacron-hosts-}
  [[ -d $left && ! -d /proc/${pid%%-*} ]] && find "$left" -depth -type d -exec rmdir {} + 2>/dev/null || true
done

echo ready
while read -r command arguments; do
  # shellcheck disable=SC2086 # words
  case $command in
    boot) boot $arguments ;;
    off) off $arguments ;;
  esac
done
