# Runs what is in the plan, line by line: a name, the seconds it may take, a command. What it says goes to NAME.txt, how it
# ended to NAME.exit, and what labs left after a failure to NAME.tar.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
results=/run/results
. $results/environment
cd "$WORKSPACE" || /run/busybox poweroff -f
mkdir -p /usr/lib/modules
mount --bind /run/modules /usr/lib/modules
printf '#!/bin/sh\nexec /run/busybox modprobe "$@"\n' > /run/modprobe
chmod +x /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
/run/modprobe virtio_net
tab=$(printf '\t')
while IFS="$tab" read -r name seconds command; do
    echo "kernels: $name"
    timeout -k 5 "$seconds" sh -c "$command" > "$results/$name.txt" 2>&1 < /dev/null
    code=$?
    [ $code = 0 ] || tar --one-file-system -C "$LABS" -cf "$results/$name.tar" . 2> /dev/null
    echo $code > "$results/$name.exit"
done < $results/plan
sync
/run/busybox poweroff -f
