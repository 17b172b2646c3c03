//! A child process inside a namespace that never outlives us: killed when dropped, killed by the kernel when the
//! thread that started it dies.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::namespace::{self, Namespace};

const POLL_PERIOD: Duration = Duration::from_millis(20);

/// A running child, its output in a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    program: String,
    log: PathBuf,
}

impl Process {
    /// Starts `command` inside `namespace`, its standard output and error appended to `log`.
    pub fn start(command: Command, namespace: &Namespace, log: &Path) -> Result<Self> {
        Self::spawn(command, Stdio::null(), namespace, log)
    }

    /// Like [`Process::start`], for a program that obeys what it is told.
    pub fn start_obeying(command: Command, namespace: &Namespace, log: &Path) -> Result<Self> {
        Self::spawn(command, Stdio::piped(), namespace, log)
    }

    fn spawn(mut command: Command, input: Stdio, namespace: &Namespace, log: &Path) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log).context("cannot open the log")?;
        let inside = namespace.handle()?;
        command.stdin(input).stdout(output.try_clone()?).stderr(output);
        // SAFETY: prctl and setns are async-signal-safe, and the closure allocates nothing.
        unsafe { command.pre_exec(move || die_with_parent().and_then(|()| namespace::enter(&inside))) };
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        Ok(Self { child, program, log: log.to_owned() })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut().context("it takes no input")?;
        writeln!(input, "{line}").with_context(|| format!("{} has ended", self.program))
    }

    /// The file that its output goes to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        std::fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// The exit status once it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let program = self.program.clone();
        let ended = wait_until(patience, || self.child.try_wait().ok().flatten());
        ended.with_context(|| format!("{program} is still running after {patience:?}"))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("a process id is positive")?;
        // SAFETY: kill takes plain integers; the child is not reaped, so the id is still its own.
        if unsafe { libc::kill(id, signal) } != 0 {
            bail!("cannot signal {}: {}", self.program, io::Error::last_os_error());
        }
        Ok(())
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        if status.signal() != Some(libc::SIGKILL) {
            bail!("{} had ended before it was killed: {status}", self.program);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks every few milliseconds until there is an answer or patience ends.
pub fn wait_until<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(POLL_PERIOD);
    }
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes one integer.
    let outcome = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
