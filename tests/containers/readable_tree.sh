#!/usr/bin/env bash
# readable_tree.sh TREE CLOSED HOLD COMMAND...: runs the command where everybody may read the folder TREE,
# though its ancestor CLOSED (or TREE itself) keeps others out. Only for the command: to be run by
# `unshare --mount`. HOLD is an empty folder elsewhere.
set -euo pipefail
tree="$1" closed="$2" hold="$3"
shift 3
umask 022
mount --rbind "$tree" "$hold"
mount -t tmpfs -o mode=0755 none "$closed"
mkdir -p "$tree"
# One by one, because a mounted folder keeps its mode.
for entry in "$hold"/* "$hold"/.[!.]*; do
  [[ -e "$entry" ]] || continue
  place="$tree/${entry##*/}"
  if [[ -d "$entry" ]]; then mkdir "$place"; else : >"$place"; fi
  mount --rbind "$entry" "$place"
done
umount --recursive --lazy "$hold"
rmdir "$hold"
cd "$tree"
exec "$@"
