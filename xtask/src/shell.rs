//! Runs commands: says what runs and, for slow steps, how long xtask has been at work.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use anyhow::{Context, Result, bail};

static STARTED: LazyLock<Instant> = LazyLock::new(now);

#[expect(clippy::disallowed_methods, reason = "a build tool shows elapsed time; nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}

/// Starts the clock that [`step`] shows.
pub(crate) fn start_clock() {
    LazyLock::force(&STARTED);
}

/// Announces a step that may take a while.
pub(crate) fn step(what: &str) {
    println!("[{:>6.1}s] {what}", STARTED.elapsed().as_secs_f32());
}

/// Runs `command` with the terminal's own output and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs `command` with the terminal's own output and returns how it ended.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    println!("          $ {}", line(command));
    command.status().with_context(|| format!("cannot run `{}`", line(command)))
}

/// Runs `command`, passes its standard output through line by line, and shows each line to `observe`.
pub(crate) fn observed(command: &mut Command, mut observe: impl FnMut(&str)) -> Result<ExitStatus> {
    println!("          $ {}", line(command));
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {}", line(command)))?;
    let output = child.stdout.take().context("standard output is piped")?;
    for text in BufReader::new(output).lines() {
        let text = text.context("the output of the command is not text")?;
        writeln!(std::io::stdout(), "{text}")?;
        observe(&text);
    }
    Ok(child.wait()?)
}

/// What a quiet command says on standard output, if it can be run and succeeds.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it: changed environment, program, arguments.
fn line(command: &Command) -> String {
    let mut text = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(text, "{}={:?} ", name.display(), value);
        }
    }
    text.push_str(&command.get_program().to_string_lossy());
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let quoted = argument.contains([' ', '"', '\'']);
        let _ = if quoted { write!(text, " {argument:?}") } else { write!(text, " {argument}") };
    }
    text
}
