#!/usr/bin/env bash
# Boots systemd as process 1 in namespaces of its own, over this machine's root: what it writes goes to
# WORK/upper. Run by `unshare --mount --pid --fork --cgroup --uts --ipc --net`.
#   boot.sh WORK
set -euo pipefail
work="$1" root="$1/root"
mkdir -p "$work/inner" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/inner" "$root"
# A mount point, as pivot_root needs one; only then is this folder the new mount's.
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do
  touch "dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
# As in every container; systemd makes a private /dev in the image of this one.
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t cgroup2 none sys/fs/cgroup
# What keeps daemons from starting while an image is built.
rm -f usr/sbin/policy-rc.d
mkdir -p mnt
pivot_root . mnt
umount -l mnt
exec env -i container=loadlock PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=0
