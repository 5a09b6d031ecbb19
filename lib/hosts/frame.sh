#!/bin/bash
# Stands before the work of every document. The agent runs this file as root; it starts itself again inside a unit of systemd,
# because a cancelled or timed-out command kills only this shell, while a unit ends as a whole and by itself when its time is up.
#
# Job      names run and step; the same job is not done twice.
# Seconds  the longest that the work may take.
#
# Whatever else a document is told is checked where it is used: SSM looks for an `allowedPattern` anywhere in a value, and its agent
# does not enforce `allowedValues`. The answer is one line of JSON of fewer than 2,500 characters, which is where SSM cuts it.
set -euo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Text as a JSON string.
quoted() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# Ends without having done anything. busy: another command is at it; refused: a person must change something.
give_up() {
  printf '{"status":"%s","reason":%s}\n' "$1" "$(quoted "$2")"
  if [[ $1 == busy ]]; then exit 0; else exit 64; fi
}

[[ ${SSM_Job+set} == set ]] ||
  give_up refused 'The agent hands over no parameters in the environment: it is older than 3.3.2746. Update it.'
[[ $SSM_Job =~ ^[a-z0-9][a-z0-9-]{2,79}$ ]] || give_up refused 'Job: lower-case letters, digits and dashes, at most 80.'
[[ ${SSM_Seconds-} =~ ^[1-9][0-9]{0,4}$ ]] || give_up refused 'Seconds: a number from 1 to 99999.'

state=/var/lib/novacron-maintenance
marker=$state/done/$SSM_Job

if [[ ${1-} != inside ]]; then
  install -d -m 0700 "$state" "$state/done"
  if [[ $once == yes && -f $marker ]]; then
    cat "$marker"
    exit 0
  fi
  if systemctl is-active --quiet "maintenance-$SSM_Job"; then give_up busy "$SSM_Job is at work."; fi
  handed=()
  while read -r name; do handed+=("--setenv=$name=${!name}"); done < <(compgen -v SSM_)
  # Work gives way to what the host is for; what only looks must not, or a busy host would seem not to answer.
  limits=(-p MemoryMax=512M -p OOMPolicy=stop)
  if [[ $once == yes ]]; then limits+=(-p CPUWeight=20 -p IOWeight=20 -p Nice=10); fi
  exec systemd-run --quiet --wait --collect --pipe --unit="maintenance-$SSM_Job" \
    -p "RuntimeMaxSec=$SSM_Seconds" -p KillMode=control-group -p TimeoutStopSec=10 \
    "${limits[@]}" "${handed[@]}" /bin/bash "$0" inside
fi

# One at a time of a document, whatever the jobs are called.
if [[ $alone == yes ]]; then
  exec 9>"$state/$document.lock"
  flock --nonblock 9 || give_up busy "Another $document is at work."
fi

# Answers, and remembers the answer where the same job is not to be done twice.
finish() {
  if [[ $once == yes ]]; then
    find "$state/done" -type f -mtime +30 -delete
    printf '%s\n' "$1" >"$marker.part"
    sync "$marker.part"
    mv "$marker.part" "$marker"
  fi
  printf '%s\n' "$1"
}
