//! What labs leave on the machine, found by name and removed: of this process when it is interrupted, of dead
//! processes when a new one starts.

use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::{namespace, place};

/// Every namespace of a lab is called `edge-lab-<pid>-<number>-<role>`, its directory `<pid>-<number>`.
pub(crate) const PREFIX: &str = "edge-lab-";

/// Removes what dead processes left, and sees to it that an interrupted process leaves nothing. Once a process.
pub(crate) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        for owner in owners().into_iter().filter(|owner| !is_alive(*owner)) {
            remove_kernel_objects(owner);
            for directory in directories(owner) {
                let _ = fs::remove_dir_all(directory);
            }
        }
        if let Err(error) = clean_up_on_signals() {
            eprintln!("lab: an interrupt will leave namespaces behind until the next run: {error:#}");
        }
    });
}

/// Namespaces, mounts and child processes that this process still has, by name.
pub fn leftovers() -> Vec<String> {
    let own = std::process::id();
    let mut found: Vec<String> =
        namespaces(own).into_iter().map(|name| format!("namespace {name}")).collect();
    found.extend(mounts(own).into_iter().map(|path| format!("mount {}", path.display())));
    found.extend(children().into_iter().map(|child| format!("process {child}")));
    found
}

/// Ends the mount (and with it the pins) and the namespaces of `owner`.
fn remove_kernel_objects(owner: u32) {
    for mount in mounts(owner) {
        let _ = crate::lab::unmount(&mount);
    }
    for name in namespaces(owner) {
        let _ = namespace::ip(&["netns", "delete", &name]);
    }
}

/// Processes that have namespaces or directories of labs.
fn owners() -> Vec<u32> {
    let of_namespaces = entries(Path::new(namespace::NAMES)).into_iter().filter_map(|name| owner(&name));
    let of_directories = entries(&place::labs()).into_iter().filter_map(|name| leading_number(&name));
    let mut owners: Vec<u32> = of_namespaces.chain(of_directories).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

fn namespaces(of: u32) -> Vec<String> {
    let names = entries(Path::new(namespace::NAMES));
    names.into_iter().filter(|name| owner(name) == Some(of)).collect()
}

fn directories(of: u32) -> Vec<PathBuf> {
    let names = entries(&place::labs()).into_iter().filter(|name| leading_number(name) == Some(of));
    names.map(|name| place::labs().join(name)).collect()
}

fn mounts(of: u32) -> Vec<PathBuf> {
    let labs = place::labs();
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    let lab = |point: &Path| point.strip_prefix(&labs).ok()?.iter().next()?.to_str().and_then(leading_number);
    points.filter(|point| lab(point) == Some(of)).collect()
}

/// Children of this process that have not ended.
fn children() -> Vec<String> {
    let threads = entries(Path::new("/proc/self/task"));
    let lists =
        threads.iter().filter_map(|id| fs::read_to_string(format!("/proc/self/task/{id}/children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn entries(directory: &Path) -> Vec<String> {
    let Ok(list) = fs::read_dir(directory) else { return Vec::new() };
    list.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn owner(namespace: &str) -> Option<u32> {
    leading_number(namespace.strip_prefix(PREFIX)?)
}

fn leading_number(name: &str) -> Option<u32> {
    name.split('-').next()?.parse().ok()
}

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

/// The end of a pipe that the signal handler may write to.
static SIGNALLED: AtomicI32 = AtomicI32::new(-1);

fn clean_up_on_signals() -> Result<()> {
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: the array has room for the two descriptors that pipe2 writes.
    ensure!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } == 0, io::Error::last_os_error());
    let [reader, writer] = ends;
    SIGNALLED.store(writer, Ordering::Relaxed);
    thread::Builder::new()
        .name("sweep".to_owned())
        .spawn(move || exit_when_signalled(reader))
        .context("thread")?;
    let handler = on_signal as extern "C" fn(i32);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler only writes to a pipe, which is async-signal-safe.
        let before = unsafe { libc::signal(signal, handler as libc::sighandler_t) };
        ensure!(before != libc::SIG_ERR, io::Error::last_os_error());
    }
    Ok(())
}

extern "C" fn on_signal(signal: i32) {
    let byte = signal.to_le_bytes();
    // SAFETY: write is async-signal-safe, and the buffer lives until it returns.
    let _ = unsafe { libc::write(SIGNALLED.load(Ordering::Relaxed), byte.as_ptr().cast(), 1) };
}

fn exit_when_signalled(reader: RawFd) {
    let mut byte = 0_u8;
    // SAFETY: one byte of room for one byte read.
    let count = unsafe { libc::read(reader, (&raw mut byte).cast(), 1) };
    if count == 1 {
        eprintln!("lab: interrupted, removing namespaces");
        remove_kernel_objects(std::process::id());
        std::process::exit(128 + i32::from(byte));
    }
}
