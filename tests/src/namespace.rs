//! A network namespace by name, removed when dropped.
//!
//! Programs and threads enter it by `setns`, not by `ip netns exec`: that would mount a new `/sys` over the
//! bpffs where edge pins its maps.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

/// Where `ip netns` keeps its names.
pub const NAMES: &str = "/run/netns";

/// A named network namespace that this process owns.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    file: File,
}

/// A device as its namespace knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its index, which is its own only within the namespace.
    pub index: u32,
    /// Its link-layer address.
    pub station: [u8; 6],
}

impl Namespace {
    /// Makes the namespace, with `lo` up and IPv6 silent until it is switched on.
    pub fn create(name: &str) -> Result<Self> {
        ip(&["netns", "add", name])?;
        let file = File::open(Path::new(NAMES).join(name)).context("cannot open the new namespace")?;
        let namespace = Self { name: name.to_owned(), file };
        namespace.ip(&["link", "set", "lo", "up"])?;
        namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1")?;
        namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
        Ok(namespace)
    }

    /// IPv6 on every device that is there. Nobody waits for duplicates: an address serves at once.
    pub fn switch_ipv6_on(&self) -> Result<()> {
        let devices =
            self.run(|| fs::read_dir("/proc/sys/net/ipv6/conf").map(|list| list.collect::<Vec<_>>()))??;
        for device in devices {
            let name = device?.file_name().to_string_lossy().into_owned();
            self.sysctl(&format!("net/ipv6/conf/{name}/accept_dad"), "0")?;
        }
        self.sysctl("net/ipv6/conf/all/disable_ipv6", "0")
    }

    /// The name under which `ip netns` shows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` on this namespace.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    /// Writes a network parameter of this namespace, named as below `/proc/sys`.
    pub fn sysctl(&self, parameter: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys").join(parameter);
        let value = value.to_owned();
        self.run(move || fs::write(&path, value).with_context(|| format!("cannot set {}", path.display())))?
    }

    /// Runs a short program inside and fails with its output when it fails.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let (program, arguments) =
            (program.to_owned(), arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        self.run(move || checked(Command::new(program).args(arguments)))?
    }

    /// Index and link-layer address of one of its Ethernet devices.
    pub fn device(&self, name: &str) -> Result<Device> {
        let link = self.command("ip", &["link", "show", "dev", name])?;
        let index = link.split(':').next().and_then(|index| index.trim().parse().ok());
        let station = link.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next());
        let octets =
            station.context("no Ethernet device")?.split(':').map(|octet| u8::from_str_radix(octet, 16));
        let octets: Vec<u8> = octets.collect::<Result<_, _>>().context("no Ethernet address")?;
        let station = octets.try_into().map_err(|_octets| anyhow!("an Ethernet address has six octets"))?;
        Ok(Device { index: index.context("a device has an index")?, station })
    }

    /// Runs `work` on a thread of its own inside the namespace and waits for it.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let file = &self.file;
        thread::scope(|scope| {
            let inside = scope.spawn(move || enter(file).map(|()| work()));
            inside
                .join()
                .map_err(|_panic| anyhow!("a thread in the namespace panicked"))?
                .context("cannot enter")
        })
    }

    /// A handle by which a thread or a child process may enter later.
    pub fn handle(&self) -> Result<File> {
        self.file.try_clone().context("cannot duplicate the namespace handle")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "delete", &self.name]) {
            eprintln!("lab: namespace {} is left behind: {error:#}", self.name);
        }
    }
}

/// Moves the calling thread into the namespace. Safe to call between fork and exec.
pub fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: setns takes plain integers, and the descriptor is open.
    let outcome = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Runs `ip` in the namespace of this process.
pub(crate) fn ip(arguments: &[&str]) -> Result<()> {
    checked(Command::new("ip").args(arguments)).map(drop)
}

/// Runs a command to its end and returns its standard output.
pub(crate) fn checked(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
