//! `edge` itself: started in the middle namespace, signalled, killed, and asked for its counters and CDRs.

mod cdr;
mod config;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

pub use cdr::{Cdr, Leg};
pub use config::EdgeConfig;

use crate::certificates::Certificates;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::place;
use crate::process::{Process, wait_until};

/// What edge says when it takes calls.
const READY: &str = "edge is ready";
const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// A running `edge run`; killed when dropped.
#[derive(Debug)]
pub struct EdgeProcess<'lab> {
    lab: &'lab Lab,
    process: Process,
    config: PathBuf,
}

/// What `edge counters` tells: packets by reason since the datapath was first attached, and the process's own.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Counters {
    /// Relayed, in XDP or by the process.
    pub relay: BTreeMap<String, u64>,
    /// Dropped in XDP.
    pub drop: BTreeMap<String, u64>,
    /// Handed to the kernel.
    pub pass: BTreeMap<String, u64>,
    /// Packets for SIP listeners, by what the shield said.
    pub shield: ShieldCounters,
    /// What the process counts itself and publishes each second; none while it does not run.
    process: Option<ProcessCounters>,
}

/// What the SIP shield said, by reason.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ShieldCounters {
    /// Passed.
    pub pass: BTreeMap<String, u64>,
    /// Dropped.
    pub drop: BTreeMap<String, u64>,
    /// Passed, because the shield was a shadow.
    pub spare: BTreeMap<String, u64>,
}

impl ShieldCounters {
    /// Packets that passed for `reason`.
    pub fn passed(&self, reason: &str) -> u64 {
        self.pass.get(reason).copied().unwrap_or(0)
    }

    /// Packets dropped for `reason`.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.drop.get(reason).copied().unwrap_or(0)
    }

    /// Packets that would have been dropped for `reason`.
    pub fn spared(&self, reason: &str) -> u64 {
        self.spare.get(reason).copied().unwrap_or(0)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ProcessCounters {
    sip: BTreeMap<String, u64>,
}

impl Counters {
    /// Packets relayed in XDP, whatever the way out.
    pub fn relayed(&self) -> u64 {
        self.relay.values().sum()
    }

    /// Those of them that carried `payload`, as `rtp`.
    pub fn relayed_as(&self, payload: &str) -> u64 {
        let ways = ["same", "other"].map(|device| format!("{payload}_{device}_device"));
        ways.iter().filter_map(|way| self.relay.get(way)).sum()
    }

    /// SIP messages, calls and the like that the running process has counted under `name`.
    pub fn sip(&self, name: &str) -> u64 {
        self.process.as_ref().and_then(|process| process.sip.get(name)).copied().unwrap_or(0)
    }

    /// Packets dropped in XDP for `reason`.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.drop.get(reason).copied().unwrap_or(0)
    }
}

impl<'lab> EdgeProcess<'lab> {
    /// Writes the configuration, starts edge and waits until it takes calls.
    pub fn start(lab: &'lab Lab, config: &EdgeConfig) -> Result<Self> {
        let path = lab.directory().join("edge.toml");
        std::fs::write(&path, config.toml(lab))?;
        if config.wants_certificates() {
            Certificates::make(lab)?;
        }
        Self::start_again(lab)
    }

    /// Starts edge with the configuration that is there, as after a crash.
    pub fn start_again(lab: &'lab Lab) -> Result<Self> {
        let program = place::edge_binary();
        ensure!(program.exists(), "{} is not there; `cargo xtask test` builds it first", program.display());
        Self::start_by(lab, Command::new(program))
    }

    /// Starts edge without these capabilities, although it is root, as a container may.
    pub fn start_without(lab: &'lab Lab, config: &EdgeConfig, capabilities: &[&str]) -> Result<Self> {
        std::fs::write(lab.directory().join("edge.toml"), config.toml(lab))?;
        let without: Vec<String> = capabilities.iter().map(|name| format!("-{name}")).collect();
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", &without.join(",")]).arg(place::edge_binary());
        Self::start_by(lab, command)
    }

    /// The same, without waiting until it takes calls.
    pub fn begin_again(lab: &'lab Lab) -> Result<Self> {
        Self::begin(lab, Command::new(place::edge_binary()))
    }

    fn start_by(lab: &'lab Lab, command: Command) -> Result<Self> {
        let log = std::fs::read_to_string(log(lab)).unwrap_or_default();
        let said_before = log.matches(READY).count();
        let mut this = Self::begin(lab, command)?;
        let process = &mut this.process;
        let outcome = wait_until(START_PATIENCE, || match process.ended() {
            Ok(None) if process.output().matches(READY).count() > said_before => Some(Ok(())),
            Ok(None) => None,
            Ok(Some(status)) => Some(Err(format!("edge ended with {status}"))),
            Err(error) => Some(Err(error.to_string())),
        });
        match outcome {
            Some(Ok(())) => Ok(this),
            Some(Err(what)) => bail!("{what}:\n{}", this.log()),
            None => bail!("edge is not ready after {START_PATIENCE:?}:\n{}", this.log()),
        }
    }

    fn begin(lab: &'lab Lab, mut command: Command) -> Result<Self> {
        let config = lab.directory().join("edge.toml");
        command.args(["run", "--config"]).arg(&config);
        let process = Process::start(command, lab.edge(), &log(lab))?;
        Ok(Self { lab, process, config })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Everything it has logged, over restarts too.
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// Waits until the log contains `text`.
    pub fn wait_for_log(&self, text: &str, patience: Duration) -> Result<()> {
        let found = wait_until(patience, || self.log().contains(text).then_some(()));
        found.with_context(|| format!("edge does not say {text:?}:\n{}", self.log()))
    }

    /// `kill -9`.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()
    }

    /// SIGUSR2, and waits for a clean exit that leaves the calls to whoever is started next.
    pub fn leave(mut self) -> Result<()> {
        self.process.signal(libc::SIGUSR2)?;
        let status = self.process.wait(STOP_PATIENCE)?;
        ensure!(status.success(), "edge ended with {status}, its log is {}", self.process.log().display());
        Ok(())
    }

    /// SIGHUP: read the configuration again.
    pub fn reload(&self, toml: &str) -> Result<()> {
        std::fs::write(&self.config, toml)?;
        self.process.signal(libc::SIGHUP)
    }

    /// Asks it to drain and end, without waiting.
    pub fn drain(&self) -> Result<()> {
        self.process.signal(libc::SIGTERM)
    }

    /// SIGTERM, and waits for a clean exit.
    pub fn stop(mut self) -> Result<()> {
        self.drain()?;
        let status = self.process.wait(STOP_PATIENCE)?;
        ensure!(status.success(), "edge ended with {status}, its log is {}", self.process.log().display());
        Ok(())
    }

    /// The datapath's counters, read while edge runs.
    pub fn counters(&self) -> Result<Counters> {
        counters(self.lab)
    }

    /// Waits until the running process has counted `name` at least this often.
    pub fn wait_for_count(&self, name: &str, least: u64, patience: Duration) -> Result<()> {
        let found =
            wait_until(patience, || self.counters().ok().filter(|counters| counters.sip(name) >= least));
        found.map(drop).with_context(|| format!("{name} stays below {least}:\n{}", self.log()))
    }

    /// Kilobytes of memory it occupies.
    pub fn resident_kb(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

/// What every edge of the lab appends to.
fn log(lab: &Lab) -> PathBuf {
    lab.directory().join("edge.log")
}

/// The datapath's counters from the pinned maps, whether edge runs or not.
pub fn counters(lab: &Lab) -> Result<Counters> {
    let mut command = Command::new(place::edge_binary());
    command.args(["counters", "--json", "--config"]).arg(lab.directory().join("edge.toml"));
    let output = output_inside(lab.edge(), command)?;
    serde_json::from_str(&output).with_context(|| format!("unexpected counters: {output}"))
}

/// Maps and links that edge has pinned.
pub fn pins(lab: &Lab) -> Result<Vec<PathBuf>> {
    let mut pins = Vec::new();
    let mut directories = vec![lab.bpffs().join(config::PIN_DIRECTORY)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten() {
            let path = entry?.path();
            let kind = if path.is_dir() { &mut directories } else { &mut pins };
            kind.push(path);
        }
    }
    Ok(pins)
}

/// Runs a subcommand of `edge` to its end inside `namespace` and returns its standard output.
fn output_inside(namespace: &Namespace, mut command: Command) -> Result<String> {
    let output = namespace.run(move || command.stdin(Stdio::null()).output())??;
    let said = String::from_utf8_lossy(&output.stderr);
    let answer = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "edge ended with {}: {said}{answer}", output.status);
    Ok(answer)
}

/// CDRs written so far, in order.
pub fn cdrs(lab: &Lab) -> Result<Vec<Cdr>> {
    let mut files: Vec<PathBuf> = match std::fs::read_dir(cdr_directory(lab)) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let text = io::read_to_string(File::open(&file)?)?;
        for line in text.lines() {
            let record = serde_json::from_str(line).with_context(|| format!("no CDR: {line}"))?;
            records.push(Cdr(record));
        }
    }
    Ok(records)
}

/// Waits until `count` CDRs are there, and fails when more than these are.
pub fn wait_for_cdrs(lab: &Lab, count: usize, patience: Duration) -> Result<Vec<Cdr>> {
    let enough = wait_until(patience, || cdrs(lab).ok().filter(|records| records.len() >= count));
    let records = match enough {
        Some(records) => records,
        None => cdrs(lab)?,
    };
    ensure!(records.len() == count, "{} CDRs instead of {count}: {records:#?}", records.len());
    Ok(records)
}

/// Where edge writes its CDRs.
pub fn cdr_directory(lab: &Lab) -> PathBuf {
    lab.directory().join("cdr")
}

/// Runs `edge` with these words and the configuration of the lab, and returns what it prints.
pub fn ask(lab: &Lab, words: &[&str]) -> Result<String> {
    let mut command = Command::new(place::edge_binary());
    command.args(words).arg("--config").arg(lab.directory().join("edge.toml"));
    output_inside(lab.edge(), command)
}
