# Reads how a host is, changes nothing.
#
# Interval  over how many seconds the processor's use is measured: a single look at it says what was since the start.
# Services  units that must be active, by spaces; unit=URL also asks the service itself: http://, redis:// or postgresql://. Debian's
#           unit postgresql, for one, is active whether or not a server runs.
[[ ${SSM_Interval-} =~ ^([1-9]|[1-5][0-9]|60)$ ]] || give_up refused 'Interval: a number of seconds from 1 to 60.'
services=${SSM_Services-}
plain='^[A-Za-z0-9@._:=/?% -]*$'
[[ $services =~ $plain ]] || give_up refused 'Services: units, or unit=URL, by spaces.'

# Idle and all ticks of the processors. Waiting for a disk is no work of theirs; what virtual guests use is in user already.
ticks() {
  awk '$1 == "cpu" { for (i = 2; i <= 9; i++) all += $i; print $5 + $6, all }' /proc/stat
}

# Joins its arguments to a JSON list.
list() {
  local IFS=,
  printf '[%s]' "$*"
}

# Whether a service answers, in its own protocol, within ten seconds.
answers() {
  local url=$1 scheme=${1%%://*} rest=${1#*://}
  local address=${rest%%/*}
  local host=${address%:*} port=${address##*:} said
  [[ $url == *://* && $port =~ ^[0-9]+$ ]] || give_up refused "Services: $url has no scheme or no port."
  case $scheme in
    http)
      said=$(asked "$host" "$port" "GET ${rest#"$address"} HTTP/1.0\r\nHost: $host\r\n\r\n")
      [[ $said == HTTP/1.[01]\ 2* ]]
      ;;
    # Whoever asks for a password is there.
    redis)
      said=$(asked "$host" "$port" 'PING\r\n')
      [[ $said == +PONG* || $said == -NOAUTH* || $said == -NOPERM* ]]
      ;;
    # A start of version 3 as a user of no rights. Being asked for a password, or being told that there is no such user, is an
    # answer; with class 57 (starting, stopping) and 53 (no connection left) nobody can work with it.
    postgresql)
      said=$(asked "$host" "$port" '\0\0\0\x15\0\x03\0\0user\0health\0\0')
      [[ $said == R* || ($said == E* && $said != *C57* && $said != *C53*) ]]
      ;;
    *) give_up refused "Services: $url is neither http, redis nor postgresql." ;;
  esac
}

# The first that is said in answer to some bytes; nothing where nobody answers.
asked() {
  # shellcheck disable=SC2016 # the inner shell expands them
  timeout 10 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf %b "$3" >&3 && dd bs=4096 count=1 status=none <&3' asked "$@" \
    2>/dev/null | tr -d '\0' || true
}

read -r idle_before all_before < <(ticks)
sleep "$SSM_Interval"
read -r idle_after all_after < <(ticks)
cpu=$(awk -v idle=$((idle_after - idle_before)) -v all=$((all_after - all_before)) 'BEGIN { printf("%.3f", (all > 0) ? 1 - idle / all : 0) }')

# What programs could still get: page cache that can be dropped is no use of memory.
memory=$(awk '$1 == "MemTotal:" { all = $2 } $1 == "MemAvailable:" { free = $2 } END { printf("%.3f", 1 - free / all) }' /proc/meminfo)

# The fullest first, local ones only: a network disk that hangs would hold us up. What containers mount lies on a disk that is read.
disks=()
while read -r target size available used inodes; do
  disks+=("{\"at\":$(quoted "$target"),\"bytes\":$size,\"free\":$available,\"used\":${used%\%},\"inodes\":$((${inodes//[!0-9]/} + 0))}")
done < <(
  timeout 20 df --local --block-size=1 --output=target,size,avail,pcent,ipcent -x tmpfs -x devtmpfs -x squashfs -x efivarfs |
    awk 'NR > 1 && $1 !~ "^/(var/lib/(docker|containerd|kubelet)|run|snap|proc|sys|dev)/" ' |
    sort -k4,4nr | head -n 8
)

units=()
for service in $services; do
  unit=${service%%=*}
  active=$(systemctl is-active "$unit" || true)
  asks=
  if [[ $service == *=* ]]; then
    if answers "${service#*=}"; then asks=',"answers":true'; else asks=',"answers":false'; fi
  fi
  units+=("{\"unit\":$(quoted "$unit"),\"state\":$(quoted "$active")$asks}")
done

failed=()
while read -r unit _; do failed+=("$(quoted "$unit")"); done < <(
  systemctl list-units --state=failed --plain --no-legend --no-pager | head -n 8
)

unhealthy=()
if command -v docker >/dev/null; then
  while read -r name; do unhealthy+=("$(quoted "$name")"); done < <(
    timeout 20 docker ps --filter health=unhealthy | awk 'NR > 1 { print $NF }' | head -n 8
  )
fi

# Deleted, but somebody holds them open: their space is free only when that one lets go. Each file once, whoever holds it.
read -r deleted_files deleted_bytes < <(
  find /proc/[0-9]*/fd -lname '/*(deleted)' ! -lname '/memfd:*' ! -lname '/dev/*' ! -lname '/dev/shm/*' -print0 2>/dev/null |
    xargs -0 --no-run-if-empty stat --dereference --format '%d:%i %b %B' 2>/dev/null |
    sort -u | awk '{ files++; bytes += $2 * $3 } END { printf "%d %d\n", files, bytes }'
) || true

journal=$(du --summarize --block-size=1 --total /var/log/journal /run/log/journal 2>/dev/null | awk 'END { print $1 + 0 }') || true
agent=$(amazon-ssm-agent -version 2>/dev/null | grep -Eo '[0-9]+(\.[0-9]+)+' | head -n 1) || true

answer() {
  printf '{"status":"done","cpu":%s,"memory":%s,"disks":%s,"units":%s,"failed":%s,"unhealthy":%s,' \
    "$cpu" "$memory" "$(list "${disks[@]}")" "$(list "${units[@]}")" "$(list "${failed[@]}")" "$(list "${unhealthy[@]}")"
  printf '"deletedOpen":{"files":%d,"bytes":%d},"journal":%d,"agent":%s}' \
    "${deleted_files:-0}" "${deleted_bytes:-0}" "${journal:-0}" "$(quoted "$agent")"
}
told=$(answer)
# Long names: what is fullest and what was asked for goes first.
if ((${#told} > 2400)); then
  disks=("${disks[@]:0:2}") failed=("${failed[@]:0:2}") unhealthy=("${unhealthy[@]:0:2}")
  told=$(answer)
fi
((${#told} <= 2400)) || give_up refused 'The answer is too long: ask for fewer services.'
finish "$told"
