#!/bin/busybox sh
# The first process of the machine: the host's files under a layer of memory, and then guest.sh in them.
box=/bin/busybox
$box mkdir -p /proc /sys /dev /host /memory /root
$box mount -t proc proc /proc
$box mount -t sysfs sys /sys
$box mount -t devtmpfs dev /dev
while read -r module; do $box insmod "/modules/$module" || echo "kernels: cannot load $module"; done < /modules/order
$box mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host || $box poweroff -f
$box mount -t tmpfs memory /memory
$box mkdir /memory/written /memory/work
$box mount -t overlay -o lowerdir=/host,upperdir=/memory/written,workdir=/memory/work overlay /root || $box poweroff -f
for place in proc sys dev; do $box mount -o move /$place /root/$place; done
$box mount -t tmpfs memory /root/run
$box mkdir -p /root/run/results /root/run/modules /root/run/netns
$box cp $box /guest.sh /root/run/
$box mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 results /root/run/results || $box poweroff -f
$box mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro modules /root/run/modules || $box poweroff -f
exec $box switch_root /root /bin/sh /run/guest.sh
