#!/bin/sh
# What the kernel unpacked cannot be moved away from, which services with mounts of their own must:
# everything goes to a file system of its own, and systemd is started there.
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs -o mode=755,size=1G tmpfs /new
for name in bin sbin lib lib64 etc usr var scenario.sh; do
    [ -e "/$name" ] && cp -a "/$name" /new
done
mkdir /new/proc /new/sys /new/dev /new/tmp /new/run /new/root
mkdir -p /new/usr/lib
ln -s ../../lib/systemd /new/usr/lib/systemd
find /new/lib/systemd/system /new/etc/systemd/system -type f -exec chmod 644 {} +
mount --move /dev /new/dev
umount /proc
exec switch_root /new /lib/systemd/systemd --log-target=console --log-level=notice
