//! SIPp as a peer: one process plays one scenario for a number of calls.
//!
//! SIPp 3.6 sends the RTP of all its calls from one port, `media_port`, and tells them apart by SSRC (and so does
//! the witness). It plays a file from its working directory, so every process gets the same two tones: what a
//! caller plays and what a called party plays differ in every packet.

pub mod script;
mod statistics;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

pub use statistics::Statistics;

use crate::certificates::Certificates;
use crate::lab::{Family, Lab, Side};
use crate::peers::NewerDebian;
use crate::process::{Process, wait_until};
use crate::tone;

/// The port on which the peers answer calls.
pub const SIP_PORT: u16 = 5060;

/// Ports on which peers of the lab speak SIP.
pub const SIP_PORTS: std::ops::RangeInclusive<u16> = 5060..=5099;
/// The port on which peers answer calls over TLS.
pub const TLS_PORT: u16 = 5061;
/// The port from which the peers place calls.
pub const CALLER_PORT: u16 = 5070;
/// RTP port of the answering SIPp of a peer.
pub const CALLED_MEDIA_PORT: u16 = 6000;
/// RTP port of the calling SIPp of a peer.
pub const CALLER_MEDIA_PORT: u16 = 7000;

/// Where the caller's tone begins.
pub const CALLER_TONE_HZ: f64 = 400.0;
/// Where that of who is called begins.
pub const CALLED_TONE_HZ: f64 = 700.0;
/// What a call lasts beyond its media, so that BYE comes after the last packet of both streams.
const MARGIN_MS: u32 = 1500;
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A scenario file of `tests/scenarios`.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Name of the file, without extension.
    pub name: &'static str,
    /// Its content.
    pub xml: &'static str,
}

/// Names a file of `tests/scenarios` and takes its content into the binary.
#[macro_export]
macro_rules! scenario {
    ($name:literal) => {
        $crate::Scenario {
            name: $name,
            xml: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/", $name, ".xml")),
        }
    };
}

/// How one SIPp process is to run.
#[derive(Clone, Debug)]
pub struct Sipp {
    scenario: Scenario,
    side: Side,
    address: IpAddr,
    media_address: IpAddr,
    port: u16,
    media_port: u16,
    remote: Option<SocketAddr>,
    service: String,
    calls: u32,
    rate: f64,
    seconds: u32,
    keys: Vec<(String, String)>,
    transport: &'static str,
    /// Calls that may be up at once, when not all.
    at_once: Option<u32>,
    traced: bool,
    lost_percent: u32,
    call_id: Option<String>,
    /// SIPp of a newer Debian, which can do TLS.
    newer: Option<NewerDebian>,
    /// User name and password.
    login: Option<(String, String)>,
}

impl Sipp {
    /// A peer that calls edge.
    pub fn caller(side: Side, scenario: Scenario) -> Self {
        Self {
            port: CALLER_PORT,
            media_port: CALLER_MEDIA_PORT,
            remote: Some(SocketAddr::new(side.edge(Family::V4), SIP_PORT)),
            ..Self::called(side, scenario)
        }
    }

    /// A peer that waits for calls.
    pub fn called(side: Side, scenario: Scenario) -> Self {
        Self {
            scenario,
            side,
            address: side.peer(Family::V4),
            media_address: side.peer(Family::V4),
            port: SIP_PORT,
            media_port: CALLED_MEDIA_PORT,
            remote: None,
            service: String::new(),
            calls: 1,
            rate: 10.0,
            seconds: 1,
            keys: Vec::new(),
            transport: "u1",
            at_once: None,
            traced: true,
            lost_percent: 0,
            call_id: None,
            newer: None,
            login: None,
        }
    }

    /// Number of calls, after which it ends.
    pub fn calls(self, calls: u32) -> Self {
        Self { calls, ..self }
    }

    /// No more than so many calls up at once.
    pub fn at_once(self, calls: u32) -> Self {
        Self { at_once: Some(calls), ..self }
    }

    /// Loses a part of the messages, both ways.
    pub fn losing(self, lost_percent: u32) -> Self {
        Self { lost_percent, ..self }
    }

    /// The Call-ID of its one call.
    pub fn call_id(self, call_id: &str) -> Self {
        Self { call_id: Some(call_id.to_owned()), ..self }
    }

    /// Writes no message down: for load.
    pub fn untraced(self) -> Self {
        Self { traced: false, ..self }
    }

    /// Calls a second.
    pub fn rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    /// Seconds of RTP in each direction of a call.
    pub fn seconds(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// The number to call: `[service]` of the scenario.
    pub fn number(self, number: &str) -> Self {
        Self { service: number.to_owned(), ..self }
    }

    /// Speaks from another address of the peer.
    pub fn from_address(self, address: impl Into<IpAddr>) -> Self {
        let address = address.into();
        Self { address, media_address: address, ..self }
    }

    /// Speaks SIP and RTP over this version of IP.
    pub fn over(self, family: Family) -> Self {
        let remote = self.remote.map(|remote| SocketAddr::new(self.side.edge(family), remote.port()));
        let address = self.side.peer(family);
        Self { address, media_address: address, remote, ..self }
    }

    /// Speaks RTP over this version of IP, whatever SIP goes over.
    pub fn media_over(self, family: Family) -> Self {
        Self { media_address: self.side.peer(family), ..self }
    }

    /// Speaks SIP and RTP from other ports.
    pub fn ports(self, port: u16, media_port: u16) -> Self {
        Self { port, media_port, ..self }
    }

    /// Speaks SIP over TCP, all its calls over one connection.
    pub fn over_tcp(self) -> Self {
        Self { transport: "t1", ..self }
    }

    /// Answers challenges as this user, in the first scenario line that does.
    pub fn proving(self, user: &str, password: &str) -> Self {
        Self { login: Some((user.to_owned(), password.to_owned())), ..self }
    }

    /// Speaks SIP over TLS, all its calls over one connection, with the certificate of its side. Debian 12's own cannot.
    pub fn over_tls(self, debian: &NewerDebian) -> Self {
        let remote = self.remote.map(|remote| SocketAddr::new(remote.ip(), TLS_PORT));
        let port = if remote.is_some() { self.port } else { TLS_PORT };
        Self { transport: "l1", newer: Some(debian.clone()), remote, port, ..self }
    }

    /// Sends to another address than edge's.
    pub fn towards(self, remote: impl Into<SocketAddr>) -> Self {
        Self { remote: Some(remote.into()), ..self }
    }

    /// Replaces `[name]` everywhere in the scenario, also where SIPp itself takes no keywords.
    pub fn key(mut self, name: &str, value: &str) -> Self {
        self.keys.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it, and when it waits for calls, lets it open its socket first.
    pub fn start(self, lab: &Lab) -> Result<RunningSipp> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{number:03}-{}-{}", self.side.name(), self.scenario.name);
        let directory = lab.directory().join(&name);
        std::fs::create_dir_all(&directory)?;
        tone::write_alaw(&directory.join("caller.alaw"), CALLER_TONE_HZ, self.seconds)?;
        tone::write_alaw(&directory.join("called.alaw"), CALLED_TONE_HZ, self.seconds)?;
        std::fs::write(directory.join("scenario.xml"), self.xml())?;
        let mut command = self.program(lab, &directory);
        command.args(self.arguments()).current_dir(&directory).env("TERM", "dumb");
        let process = Process::start(command, lab.peer(self.side), &directory.join("output"))?;
        let running = RunningSipp { process, directory, name, calls: self.calls };
        let listening = wait_until(START_PATIENCE, || running.statistics().ok());
        listening.with_context(|| format!("{} does not start: {}", running.name, running.log()))?;
        Ok(running)
    }

    /// SIPp in its directory, up to its arguments.
    fn program(&self, lab: &Lab, directory: &Path) -> Command {
        let Some(debian) = &self.newer else { return Command::new("sipp") };
        let certificates = Certificates::of(lab);
        let [certificate, key] = certificates.of_holder(self.side.name());
        let mut command = debian.command("sh", lab.directory());
        command.args(["-c", "cd \"$1\" && shift && exec sipp \"$@\"", "sh"]).arg(directory);
        command.arg("-tls_cert").arg(certificate).arg("-tls_key").arg(key);
        command.arg("-tls_ca").arg(certificates.authority());
        command
    }

    fn xml(&self) -> String {
        let replace =
            |xml: String, (name, value): &(String, String)| xml.replace(&format!("[{name}]"), value);
        self.keys.iter().fold(self.scenario.xml.to_owned(), replace)
    }

    fn arguments(&self) -> Vec<String> {
        let call_ms = self.seconds * 1000 + MARGIN_MS;
        let mut arguments: Vec<String> = self.remote.iter().map(ToString::to_string).collect();
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("-sf", "scenario.xml".to_owned());
        option("-t", self.transport.to_owned());
        option("-i", self.address.to_string());
        option("-mi", self.media_address.to_string());
        option("-p", self.port.to_string());
        option("-mp", self.media_port.to_string());
        option("-m", self.calls.to_string());
        option("-l", self.at_once.unwrap_or(self.calls).max(1).to_string());
        option("-r", self.rate.to_string());
        option("-d", call_ms.to_string());
        option("-stf", "statistics.csv".to_owned());
        option("-fd", "1".to_owned());
        if !self.service.is_empty() {
            option("-s", self.service.clone());
        }
        if let Some(call_id) = &self.call_id {
            option("-cid_str", call_id.clone());
        }
        if let Some((user, password)) = &self.login {
            option("-au", user.clone());
            option("-ap", password.clone());
        }
        if self.lost_percent > 0 {
            option("-lost", self.lost_percent.to_string());
        }
        if self.traced {
            option("-error_file", "errors.log".to_owned());
            option("-message_file", "messages.log".to_owned());
            arguments.extend(["-trace_err", "-trace_msg"].map(str::to_owned));
        }
        arguments.extend(["-nostdin", "-trace_stat", "-skip_rlimit"].map(str::to_owned));
        arguments
    }
}

/// A SIPp process at work; killed when dropped.
#[derive(Debug)]
pub struct RunningSipp {
    process: Process,
    directory: PathBuf,
    name: String,
    calls: u32,
}

impl RunningSipp {
    /// The newest line of its statistics.
    pub fn statistics(&self) -> Result<Statistics> {
        let table = std::fs::read_to_string(self.directory.join("statistics.csv"))?;
        Statistics::last(&table).context("SIPp has not written its statistics yet")
    }

    /// The newest message that it has written down and that begins so.
    pub fn message(&self, start: &str) -> Option<String> {
        let log = std::fs::read_to_string(self.directory.join("messages.log")).ok()?;
        let message = &log[log.rfind(&format!("\n{start}"))? + 1..];
        Some(message.split("\n---").next().unwrap_or(message).to_owned())
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has still calls to play.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.ended()?.is_none())
    }

    /// Waits until it has played all its calls.
    pub fn wait(mut self, patience: Duration) -> Result<Statistics> {
        let status = self.process.wait(patience).with_context(|| self.complaint("runs too long"))?;
        // 1: a call failed, which the statistics tell; anything beyond is a fault of SIPp or of a scenario.
        ensure!(matches!(status.code(), Some(0 | 1)), self.complaint(&format!("ended with {status}")));
        self.statistics()
    }

    /// Waits, and fails unless every call went as the scenario wants.
    pub fn wait_for_success(self, patience: Duration) -> Result<Statistics> {
        let complaint = self.complaint("not every call went well");
        let (calls, directory) = (self.calls, self.directory.clone());
        let statistics = self.wait(patience)?;
        if statistics.failed > 0 || statistics.succeeded != u64::from(calls) {
            let errors = std::fs::read_to_string(directory.join("errors.log")).unwrap_or_default();
            bail!("{complaint}: {statistics:?}\n{errors}");
        }
        Ok(statistics)
    }

    /// What SIPp has to say about its failures.
    pub fn log(&self) -> String {
        let errors = std::fs::read_to_string(self.directory.join("errors.log")).unwrap_or_default();
        if errors.is_empty() { self.process.output() } else { errors }
    }

    fn complaint(&self, what: &str) -> String {
        let errors = std::fs::read_to_string(self.directory.join("errors.log")).unwrap_or_default();
        format!("SIPp {}: {what}\n{errors}", self.name)
    }
}
