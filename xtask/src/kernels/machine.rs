//! The virtual machine: qemu with this host's processor where KVM can lend it, else with one that it emulates.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::debian::Installed;
use crate::shell;

/// Room for the drills: what they write, and maps of up to 200 MB.
const MEMORY: &str = "4096";
/// Booting, and what comes before the first line of the plan.
const BOOT_SECONDS: u32 = 300;
/// Both ends of two cables. Who takes them is said in [`super::plan`].
pub(super) const STATIONS: [[&str; 2]; 2] =
    [["52:54:00:00:01:01", "52:54:00:00:01:02"], ["52:54:00:00:02:01", "52:54:00:00:02:02"]];

/// Who runs the instructions of the machine.
enum Processor {
    /// This host's.
    Kvm,
    /// qemu's: one, whose clock goes by what it has done, so that nothing takes longer there because this host is slow.
    Emulated { why: &'static str },
}

impl Processor {
    /// Not every `/dev/kvm` can boot the kernels of others: it takes the virtualisation of the processor, which a host that is
    /// itself a machine often lacks.
    fn of_this_host() -> Self {
        let module = |name: &str| Path::new("/sys/module").join(name).exists();
        if !Path::new("/dev/kvm").exists() {
            return Self::Emulated { why: "there is no /dev/kvm" };
        }
        if module("kvm_intel") || module("kvm_amd") {
            return Self::Kvm;
        }
        Self::Emulated {
            why: "/dev/kvm is not of the processor's own kind, and runs kernels that are made for it only",
        }
    }

    fn arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Kvm => &["-accel", "kvm", "-cpu", "host", "-smp", "2"],
            // An instruction takes 2 ns. More processors would be emulated in turns, and spin for each other.
            Self::Emulated { .. } => {
                &["-accel", "tcg,thread=single", "-icount", "shift=1", "-cpu", "max", "-smp", "1"]
            }
        }
    }
}

/// Boots and waits until the machine switches itself off, or its time is over. What it says is in `console.txt`.
pub(super) fn run(kernel: &Installed, initramfs: &Path, results: &Path, seconds: u32) -> Result<()> {
    let processor = Processor::of_this_host();
    match &processor {
        Processor::Kvm => shell::step("kernels: on this host's processor (KVM)"),
        Processor::Emulated { why } => {
            shell::step(&format!("kernels: on an emulated processor (TCG): {why}"))
        }
    }
    // The machine ends with who started it, also when that one is killed or interrupted.
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "TERM", "timeout", "--foreground", "--kill-after=5"]);
    qemu.arg((BOOT_SECONDS + seconds).to_string()).arg("qemu-system-x86_64");
    qemu.args(processor.arguments());
    qemu.args(["-m", MEMORY, "-nodefaults", "-no-reboot", "-display", "none"]);
    qemu.args(["-serial", "stdio", "-append", "console=ttyS0 quiet panic=-1 no_timer_check"]);
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs);
    share(&mut qemu, "host", Path::new("/"), true);
    share(&mut qemu, "modules", &kernel.modules, true);
    share(&mut qemu, "results", results, false);
    cables(&mut qemu);
    let mut console = fs::File::create(results.join("console.txt")).context("cannot write the console")?;
    let mut wrote = Ok(());
    let status = shell::observed(&mut qemu, |line| {
        if wrote.is_ok() {
            wrote = writeln!(console, "{line}");
        }
    })?;
    wrote.context("cannot write the console")?;
    ensure!(status.code().is_some(), "the machine ended with {status}");
    Ok(())
}

fn share(qemu: &mut Command, name: &str, path: &Path, read_only: bool) {
    let readonly = if read_only { "on" } else { "off" };
    let path = path.display();
    qemu.arg("-fsdev")
        .arg(format!("local,id={name},path={path},readonly={readonly},security_model=none,multidevs=remap"));
    qemu.arg("-device").arg(format!("virtio-9p-pci,fsdev={name},mount_tag={name}"));
}

/// Two cables of two virtio devices each, which lead nowhere else.
fn cables(qemu: &mut Command) {
    for (cable, ends) in STATIONS.iter().enumerate() {
        for (end, station) in ends.iter().enumerate() {
            let id = format!("cable{cable}{end}");
            qemu.arg("-netdev").arg(format!("hubport,id={id},hubid={cable}"));
            qemu.arg("-device").arg(format!("virtio-net-pci,netdev={id},mac={station},romfile="));
        }
    }
}
