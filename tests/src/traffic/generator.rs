//! The thread in which the kernel makes frames: one long call into it, which takes orders through a map.

use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aya::Ebpf;
use aya::programs::Xdp;
use edge_ebpf::traffic::BATCH;

use crate::live;
use crate::namespace::{self, Namespace};
use crate::process::wait_until;

/// Frames of one call: three and a half minutes of doing nothing, and a multiple of [`BATCH`].
const FRAMES: u32 = u32::MAX / 64 * 64;
const PATIENCE: Duration = Duration::from_secs(30);

/// The thread in which the kernel makes frames.
#[derive(Debug)]
pub(crate) struct Generator {
    /// Of the thread, as the kernel knows it.
    id: Arc<AtomicU32>,
    /// Calls into the kernel that it has begun.
    calls: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Generator {
    /// Lets `program` wait for orders, after `first` was done on its thread. It makes something of copies of `frame`, which seem to
    /// have come in by a device.
    pub(crate) fn start(
        mut ebpf: Ebpf,
        program: &'static str,
        frame: Vec<u8>,
        (from, device): (&Namespace, &str),
        first: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let (index, inside) = (from.device(device)?.index, from.handle()?);
        let (name, missing) = (program, "the bench object has no such generator: run `cargo xtask build`");
        let program: &mut Xdp = ebpf.program_mut(name).context(missing)?.try_into()?;
        program.load()?;
        let handler = interrupted as extern "C" fn(i32);
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let id = Arc::new(AtomicU32::new(0));
        let own = Arc::clone(&id);
        let calls = Arc::new(AtomicU32::new(0));
        let begun = Arc::clone(&calls);
        let run = move || {
            namespace::enter(&inside).context("cannot enter the namespace")?;
            // SAFETY: gettid takes nothing.
            own.store(u32::try_from(unsafe { libc::gettid() })?, Ordering::Relaxed);
            first()?;
            let program: &Xdp = ebpf.program(name).context(missing)?.try_into()?;
            while !stopped.load(Ordering::Relaxed) {
                begun.fetch_add(1, Ordering::Relaxed);
                live::frames(program, index, &frame, FRAMES, u32::try_from(BATCH)?)?;
            }
            Ok(())
        };
        Ok(Self { id, calls, stop, thread: Some(thread::spawn(run)) })
    }

    /// Its thread, as the kernel knows it.
    pub(crate) fn thread(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    /// Interrupts the call into the kernel, and waits until the thread makes a new one.
    pub(crate) fn begin_anew(&self) -> Result<()> {
        let before = self.calls.load(Ordering::Relaxed);
        self.interrupt();
        let begun = wait_until(PATIENCE, || (self.calls.load(Ordering::Relaxed) != before).then_some(()));
        begun.context("the generator goes on for ever")
    }

    fn interrupt(&self) {
        if let Some(thread) = &self.thread {
            // SAFETY: the thread is not joined yet, so its id is its own.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It may be just before its call when the first signal comes.
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            self.interrupt();
            thread::sleep(Duration::from_millis(10));
        }
        let outcome = self.thread.take().map(JoinHandle::join);
        if let Some(Err(error)) = outcome.map(|end| end.unwrap_or_else(|_| Err(anyhow!("it panicked")))) {
            eprintln!("generator: {error:#}");
        }
    }
}

/// Whose only purpose is that a system call is interrupted.
extern "C" fn interrupted(_: i32) {}
