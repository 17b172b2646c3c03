//! PJSUA2 as a user agent: a Python script beside this file's folder obeys commands and tells events, one JSON object a
//! line.
//!
//! `cargo xtask setup` puts the wheel into `target/tools/pjsua2`.

use std::net::SocketAddrV4;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Transport, registrar};
use crate::certificates::Certificates;
use crate::drill::number;
use crate::lab::{Lab, Side};
use crate::place;
use crate::process::{Process, wait_until};

const SCRIPT: &str = include_str!("../../peers/pjsua2_agent.py");
/// Longer than anything that an agent is asked for takes.
const PATIENCE: Duration = Duration::from_secs(40);

/// How an agent sends a digit, and how one arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digit {
    /// As telephone-event in RTP (RFC 4733).
    InMedia,
    /// As INFO with application/dtmf-relay.
    InInfo,
}

impl Digit {
    const fn name(self) -> &'static str {
        match self {
            Self::InMedia => "rfc4733",
            Self::InInfo => "info",
        }
    }
}

/// Carriers still hold as one did before RFC 3264, by address 0.0.0.0.
const fn hold(side: Side) -> &'static str {
    match side {
        Side::Carrier => "address",
        Side::Pbx => "direction",
    }
}

/// A user agent on one side, which answers who calls it. Its tone plays in every call.
#[derive(Debug)]
pub struct Pjsua2 {
    process: Process,
    side: Side,
    transport: Transport,
    /// Lines of output that have been looked at.
    seen: usize,
}

impl Pjsua2 {
    /// Starts it on the SIP port of `side`, offering `codecs` in this order.
    pub fn start(lab: &Lab, side: Side, transport: Transport, codecs: &str) -> Result<Self> {
        Self::run(lab, side, transport, &["--codecs", codecs])
    }

    /// The same, and it wants provisional responses acknowledged (RFC 3262), whether it calls or is called.
    pub fn start_reliable(lab: &Lab, side: Side, transport: Transport, codecs: &str) -> Result<Self> {
        Self::run(lab, side, transport, &["--codecs", codecs, "--reliable", "required"])
    }

    /// The same as a PBX that registers with edge, as the account that [`super::registrar`] knows.
    pub fn start_registered(lab: &Lab, side: Side, transport: Transport) -> Result<Self> {
        let edge = side.edge_address().to_string();
        let login = ["--registrar", &edge, "--user", registrar::USER, "--password", registrar::PASSWORD];
        let mut agent = Self::run(lab, side, transport, &login)?;
        agent.is_registered()?;
        Ok(agent)
    }

    /// Waits until it is registered, for the first time or anew.
    fn is_registered(&mut self) -> Result<()> {
        self.expect("registration", |event| event["code"] == 200).map(drop)
    }

    fn run(lab: &Lab, side: Side, transport: Transport, options: &[&str]) -> Result<Self> {
        let python = place::tools().join("pjsua2/bin/python");
        ensure!(python.exists(), "the PyPI package pjsua2-python is missing: cargo xtask setup");
        let directory = lab.directory().join(format!("pjsua2-{}", side.name()));
        std::fs::create_dir_all(&directory)?;
        let script = directory.join("agent.py");
        std::fs::write(&script, SCRIPT)?;
        let mut command = Command::new(python);
        command.arg(script).current_dir(&directory);
        command.args([
            "--address",
            &side.peer_address().to_string(),
            "--port",
            &transport.port().to_string(),
        ]);
        command.args(["--transport", transport.name(), "--hold", hold(side)]);
        command.args(options);
        if transport == Transport::Tls {
            let certificates = Certificates::of(lab);
            let [certificate, key] = certificates.of_holder(side.name());
            command.arg("--certificate").arg(certificate).arg("--key").arg(key);
            command.arg("--authority").arg(certificates.authority());
        }
        let process = Process::start_obeying(command, lab.peer(side), &directory.join("output"))?;
        let mut agent = Self { process, side, transport, seen: 0 };
        agent.expect("ready", |_| true)?;
        Ok(agent)
    }

    /// Calls the other side through edge.
    pub fn call(&mut self) -> Result<()> {
        self.dial_number(number(self.side))
    }

    /// Calls a number of the other side's.
    pub fn dial_number(&mut self, number: &str) -> Result<()> {
        let edge = SocketAddrV4::new(self.side.edge_address(), self.transport.port());
        let uri = format!("sip:{number}@{edge};transport={}", self.transport.name());
        self.obey(json!({"do": "call", "uri": uri}))
    }

    /// Offers to hear nothing (RFC 3264 section 8.4).
    pub fn hold(&mut self) -> Result<()> {
        self.obey(json!({"do": "hold"}))
    }

    /// Ends a hold.
    pub fn resume(&mut self) -> Result<()> {
        self.obey(json!({"do": "resume"}))
    }

    /// Offers these codecs instead, by re-INVITE.
    pub fn change(&mut self, codecs: &[&str]) -> Result<()> {
        self.obey(json!({"do": "change", "codecs": codecs}))
    }

    /// Sends a digit.
    pub fn dial(&mut self, digit: char, by: Digit) -> Result<()> {
        self.obey(json!({"do": "dial", "digits": digit.to_string(), "by": by.name()}))
    }

    /// Ends the call.
    pub fn hang_up(&mut self) -> Result<()> {
        self.obey(json!({"do": "hang_up"}))
    }

    /// Waits until the other side rings (RFC 3261 section 13.2.2.1).
    pub fn hears_ringing(&mut self) -> Result<()> {
        self.expect("state", |event| event["state"] == "EARLY").map(drop)
    }

    /// Waits until the call is up.
    pub fn is_confirmed(&mut self) -> Result<()> {
        self.expect("state", |event| event["state"] == "CONFIRMED").map(drop)
    }

    /// Waits until its media is `status` with `codec`.
    pub fn has_media(&mut self, status: &str, codec: &str) -> Result<()> {
        self.expect("media", |event| event["status"] == status && event["codec"] == codec).map(drop)
    }

    /// Waits for a digit of the other side.
    pub fn hears(&mut self, digit: char, by: Digit) -> Result<()> {
        let wanted = |event: &Value| event["digit"] == digit.to_string() && event["by"] == by.name();
        self.expect("digit", wanted).map(drop)
    }

    /// Waits until the call is over, and returns the status code of its end.
    pub fn has_ended(&mut self) -> Result<Option<u64>> {
        Ok(self.expect("ended", |_| true)?["code"].as_u64())
    }

    /// Waits until it hears the other side's tone and has counted `packets` of it.
    pub fn hears_a_tone(&mut self, packets: u64) -> Result<()> {
        self.measures(|loud, received| loud && received >= packets).context("no tone")
    }

    /// Measures again and again, until `enough` of whether it was loud and of the packets that came.
    fn measures(&mut self, enough: impl Fn(bool, u64) -> bool) -> Result<()> {
        let found = wait_until(PATIENCE, || {
            let measured =
                self.obey(json!({"do": "measure"})).and_then(|()| self.expect("measured", |_| true));
            let measured = measured.ok()?;
            let (loudest, received) = (measured["loudest"].as_u64()?, measured["received"].as_u64()?);
            enough(loudest > 0, received).then_some(())
        });
        found.with_context(|| format!("at the agent of {:?}:\n{}", self.side, self.process.output()))
    }

    fn obey(&mut self, command: Value) -> Result<()> {
        self.process.tell(&command.to_string())
    }

    /// The next event of this name that is `wanted`; what comes before it is passed over.
    fn expect(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = wait_until(PATIENCE, || match self.process.ended() {
            Ok(None) => self.next(|event| event["event"] == name && wanted(event)).map(Some),
            Ok(Some(_)) | Err(_) => Some(None),
        });
        match found {
            Some(Some(event)) => Ok(event),
            Some(None) => bail!("the agent of {:?} has ended:\n{}", self.side, self.process.output()),
            None => bail!("no {name} at {:?}:\n{}", self.side, self.process.output()),
        }
    }

    fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let output = self.process.output();
        let whole = output.rfind('\n').map_or("", |end| &output[..end]);
        let mut lines = whole.lines().enumerate().skip(self.seen);
        let (line, event) = lines.find_map(|(line, text)| {
            serde_json::from_str(text).ok().filter(|event| wanted(event)).map(|event| (line, event))
        })?;
        self.seen = line + 1;
        Some(event)
    }
}
