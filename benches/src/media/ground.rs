//! Where media is measured: a lab, and which core does what.
//!
//! On the first core the generator runs, and with it everything that the kernel does for a packet without a process: a veth
//! device receives on the core that its peer sent on, so the XDP programs or the network stack of the relay and the sink
//! follow one another there. A relay that is a process has the second core for itself, and the network stack that its packets
//! come in through is there, too (receive packet steering), as is the sink for what it sends.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::lab::PEER_DEVICE;
use edge_tests::namespace::Namespace;
use edge_tests::{Lab, Side};

use crate::clock;
use crate::processor::Cores;

/// Ground that a relay stands on.
pub(super) struct Ground {
    pub(super) lab: Lab,
    pub(super) cores: Cores,
    /// The kernel's threads for what softirqs leave over, on both cores.
    left_over: Vec<u32>,
}

impl Ground {
    pub(super) fn new(cores: Cores) -> Result<Self> {
        let lab = Lab::new()?;
        for side in Side::BOTH {
            // A veth device takes redirected frames only when it polls, for which GRO is enough.
            lab.edge().command("ethtool", &["-K", side.edge_device(), "gro", "on"])?;
        }
        let names = [cores.generator, cores.subject].map(|core| format!("ksoftirqd/{core}"));
        let left_over = clock::threads_of_kernel(|name| names.iter().any(|wanted| wanted == name))?;
        Ok(Self { lab, cores, left_over })
    }

    /// Has the network stack take in the relay's packets on the second core, where its process is.
    pub(super) fn stack_beside_process(&self) -> Result<()> {
        let mask = 1_u64 << self.cores.subject;
        for side in Side::BOTH {
            // sysfs shows the devices of the namespace that it was mounted in; `ip netns exec` mounts it anew.
            let steer = format!("echo {mask:x} > /sys/class/net/{}/queues/rx-0/rps_cpus", side.edge_device());
            let mut ip = Command::new("ip");
            ip.args(["netns", "exec", self.lab.edge().name(), "sh", "-c", &steer]);
            let said = ip.output().context("ip")?;
            ensure!(said.status.success(), "packets cannot be steered to a core: {said:?}");
        }
        Ok(())
    }

    /// What the kernel's own threads have run for.
    pub(super) fn spent(&self) -> Result<Duration> {
        self.left_over.iter().map(|thread| clock::thread_time(*thread)).sum()
    }

    /// Packets that found no room in the ring of the next device: into the relay, and out of it.
    pub(super) fn refused(&self) -> Result<(u64, u64)> {
        let (mut before, mut behind) = (0, 0);
        for side in Side::BOTH {
            before += refused(self.lab.peer(side), PEER_DEVICE)?;
            behind += refused(self.lab.edge(), side.edge_device())?;
        }
        Ok((before, behind))
    }
}

/// `tx_dropped` of a device.
fn refused(namespace: &Namespace, device: &str) -> Result<u64> {
    let table = namespace.run(|| fs::read_to_string("/proc/thread-self/net/dev"))??;
    let line = table.lines().find_map(|line| line.trim().strip_prefix(device)?.strip_prefix(':'));
    let field = line.and_then(|line| line.split_whitespace().nth(11)?.parse().ok());
    field.with_context(|| format!("no statistics of {device}"))
}
