#!/bin/bash
# enter.sh FOLDER COMMAND... - the first process of debian_enter.
set -euo pipefail

directory=$1
shift
mount --bind "$directory" "$directory"
cd "$directory"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 run run
# Not by exec: a script that finds itself process 1 thinks it is on a stage.
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C CI="${CI:-}" \
    chroot . "$@"
exit
