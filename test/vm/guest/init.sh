#!/busybox sh
# The first process of a guest. What it prints to the second serial port is the result; the last line there is
# `exit STATUS`. busybox sh prefers its own commands to those in PATH, so its own are called by its name.
b=/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts pts /dev/pts
$b mount -t tmpfs tmp /tmp
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t tracefs tracing /sys/kernel/tracing
$b mount -t securityfs security /sys/kernel/security
$b mount -t cgroup2 cgroup /sys/fs/cgroup
$b ln -sf /proc/self/fd /dev/fd
$b ln -s config /boot/config-$($b uname -r)
for module in /modules/*.ko; do $b insmod $module; done
$b ip link set lo up
$b hostname guest
export PATH=/usr/bin:/bin HOME=/root LIBBPF_PATH=/usr/lib/libbpf.so.1
export BPF_TSGEN_REQUIRE_KERNEL=1 BPF_TSGEN_SLOWER=20
# Less of what counts in thousands.
export BPF_TSGEN_PROCESSES=200 BPF_TSGEN_SOAK=2 FLOOD=20000
for word in $($b cat /proc/cmdline); do
  case $word in BPF_TSGEN_*=*) export "$word" ;; esac
done
cd /suite
$b stty -F /dev/ttyS1 raw -echo
/usr/bin/node --expose-gc test/vm/guest/${BPF_TSGEN_RUN:-suite}.js > /dev/ttyS1
echo "exit $?" > /dev/ttyS1
$b poweroff -f
