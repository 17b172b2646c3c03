//! baresip as a user agent: commands and events are JSON objects in netstrings over TCP (its module ctrl_tcp).

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Transport, contained, installed, registrar, wait_until_listening};
use crate::certificates::Certificates;
use crate::drill::number;
use crate::lab::{Lab, Side};
use crate::process::{Process, wait_until};

const CONFIG: &str = include_str!("../../peers/baresip.conf");
const MODULES: &str = "/usr/lib/baresip/modules";
const CONTROL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 4444);
const PATIENCE: Duration = Duration::from_secs(40);
const READ_TIMEOUT: Duration = Duration::from_millis(20);

/// A user agent on one side, which answers who calls it. Its tone plays in every call.
#[derive(Debug)]
pub struct Baresip {
    process: Process,
    control: TcpStream,
    received: Vec<u8>,
    side: Side,
    transport: Transport,
}

impl Baresip {
    /// Starts it on the SIP port of `side`.
    pub fn start(lab: &Lab, side: Side, transport: Transport) -> Result<Self> {
        Self::start_with(lab, side, transport, "")
    }

    /// Starts it so that it takes no media but what has its keys by DTLS.
    pub fn start_shaking_hands(lab: &Lab, side: Side) -> Result<Self> {
        Self::start_with(lab, side, Transport::Udp, ";mediaenc=dtls_srtp")
    }

    fn start_with(lab: &Lab, side: Side, transport: Transport, parameters: &str) -> Result<Self> {
        let address = side.peer_address();
        // It answers to the name of its account and to no other.
        let user = match side {
            Side::Carrier => number(Side::Pbx),
            Side::Pbx => "750",
        };
        let (port, name) = (transport.port(), transport.name());
        let account = format!("<sip:{user}@{address}:{port};transport={name}>;regint=0{parameters}");
        Self::run(lab, side, transport, &account)
    }

    /// Starts it as a PBX that registers with edge, as the account that [`super::registrar`] knows.
    pub fn start_registered(lab: &Lab, side: Side, transport: Transport) -> Result<Self> {
        let (edge, user, password) = (side.edge_address(), registrar::USER, registrar::PASSWORD);
        let name = transport.name();
        let account =
            format!("<sip:{user}@{edge};transport={name}>;auth_user={user};auth_pass={password};regint=120");
        let agent = Self::run(lab, side, transport, &account)?;
        // It may be before anybody listens for its events.
        let registered = || agent.process.output().contains("1 binding]").then_some(());
        wait_until(PATIENCE, registered).with_context(|| agent.process.output())?;
        Ok(agent)
    }

    fn run(lab: &Lab, side: Side, transport: Transport, account: &str) -> Result<Self> {
        let program = installed("baresip", "baresip-core")?;
        ensure!(Path::new(MODULES).exists(), "{MODULES} is missing: apt-get install baresip-core");
        let directory = lab.directory().join(format!("baresip-{}", side.name()));
        std::fs::create_dir_all(&directory)?;
        let address = side.peer_address();
        let config = CONFIG.replace("[address]", &address.to_string()).replace("[modules]", MODULES);
        std::fs::write(directory.join("config"), config + &certificates(lab, side, transport)?)?;
        let account = format!("{account};answermode=auto\n");
        std::fs::write(directory.join("accounts"), account)?;
        std::fs::write(directory.join("contacts"), "")?;
        let mut command = contained(&program);
        command.arg("-f").arg(&directory).args(["-4", "-v", "-s"]);
        let namespace = lab.peer(side);
        let mut process = Process::start(command, namespace, &directory.join("output"))?;
        wait_until_listening(namespace, CONTROL, &mut process).context("baresip does not start")?;
        let control = namespace.run(|| TcpStream::connect(CONTROL))??;
        control.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(Self { process, control, received: Vec::new(), side, transport })
    }

    /// Calls the other side through edge.
    pub fn call(&mut self) -> Result<()> {
        let edge = SocketAddrV4::new(self.side.edge_address(), self.transport.port());
        // It adds the transport of its account.
        self.obey("dial", &format!("sip:{}@{edge}", number(self.side)))
    }

    /// Ends the call.
    pub fn hang_up(&mut self) -> Result<()> {
        self.obey("hangup", "")
    }

    /// Holds the call, by a re-INVITE.
    pub fn hold(&mut self) -> Result<()> {
        self.obey("hold", "")
    }

    /// Goes on with it.
    pub fn resume(&mut self) -> Result<()> {
        self.obey("resume", "")
    }

    /// Waits until the call is up.
    pub fn is_established(&mut self) -> Result<()> {
        self.expect("CALL_ESTABLISHED")
    }

    /// Waits until the call is over.
    pub fn has_ended(&mut self) -> Result<()> {
        self.expect("CALL_CLOSED")
    }

    /// Waits until it has said each of these, in any order.
    pub fn says(&mut self, words: &[&str]) -> Result<()> {
        for said in words {
            let found = wait_until(PATIENCE, || self.process.output().contains(said).then_some(()));
            found.with_context(|| format!("no {said:?} at {:?}:\n{}", self.side, self.process.output()))?;
        }
        Ok(())
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.process.output()
    }

    fn obey(&mut self, command: &str, parameters: &str) -> Result<()> {
        let text = json!({"command": command, "params": parameters}).to_string();
        Ok(self.control.write_all(format!("{}:{text},", text.len()).as_bytes())?)
    }

    /// The next event of this type; what comes before it is passed over.
    fn expect(&mut self, kind: &str) -> Result<()> {
        let found = wait_until(PATIENCE, || match self.next() {
            Ok(Some(event)) if event["type"] == kind => Some(Ok(())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
        match found {
            Some(outcome) => outcome.with_context(|| self.process.output()),
            None => bail!("no {kind} at {:?}:\n{}", self.side, self.process.output()),
        }
    }

    /// The next netstring, when it is there.
    fn next(&mut self) -> Result<Option<Value>> {
        let mut buffer = [0; 4096];
        match self.control.read(&mut buffer) {
            Ok(0) => bail!("baresip has ended"),
            Ok(length) => self.received.extend(&buffer[..length]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(colon) = self.received.iter().position(|byte| *byte == b':') else { return Ok(None) };
        let length: usize = std::str::from_utf8(&self.received[..colon])?.parse()?;
        let end = colon + 1 + length;
        if self.received.len() <= end {
            return Ok(None);
        }
        let event = serde_json::from_slice(&self.received[colon + 1..end])?;
        self.received.drain(..=end);
        Ok(Some(event))
    }
}

/// What its configuration says of certificates.
fn certificates(lab: &Lab, side: Side, transport: Transport) -> Result<String> {
    if transport != Transport::Tls {
        return Ok(String::new());
    }
    let certificates = Certificates::of(lab);
    let own = certificates.together(side.name())?;
    Ok(format!("sip_certificate {}\nsip_cafile {}\n", own.display(), certificates.authority().display()))
}
