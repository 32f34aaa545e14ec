#!/usr/bin/env sh
# Stand-in for VMSnapshotLinux's launcher: tries the interpreters in the real one's order, until one ends well.
# Exit code 3: there was none. Older versions look in fewer places.
FOLDERS='/usr/bin /usr/local/bin'
ASKS_THE_AGENT=yes
action=$1
case $action in enable | daemon) ;; *) exit 0 ;; esac
cd "$(dirname "$0")/.." || exit 1
code=3
attempt() {
  if [ "$code" -ne 0 ] && [ -f "$1" ]; then
    "$1" main/handle.py "-seqNo:${ConfigSequenceNumber:-none}" "-$action"
    code=$?
  fi
}
for name in python3.8 python3.7 python3.6 python3.5 python3.4 python3.3 python3 python2.7 python2.6 python2 python; do
  for folder in $FOLDERS; do attempt "$folder/$name"; done
done
attempt "$(command -v python)"
if [ "$ASKS_THE_AGENT" = yes ]; then
  # shellcheck disable=SC2009  # as the real one does: the agent may run under any name that holds python
  attempt "$(ps -ef | grep waagent | grep python | head -n 1 | awk '{ print $8 }')"
fi
exit "$code"
