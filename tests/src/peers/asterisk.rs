//! Asterisk as a PBX, and as the B2BUA that edge is measured against.
//!
//! Debian 12 does not package it: it comes from [`NewerDebian`].

use std::net::SocketAddrV4;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::newer_debian::NewerDebian;
use super::{Transport, registrar, wait_until_listening};
use crate::drill::number;
use crate::lab::{Lab, Side};
use crate::namespace::Namespace;
use crate::process::Process;
use crate::sipp::SIP_PORT;

const SYSTEM: &str = include_str!("../../peers/asterisk/asterisk.conf");
const MODULES: &str = include_str!("../../peers/asterisk/modules.conf");
const PBX: &str = include_str!("../../peers/asterisk/pbx.conf");
const PBX_DIALPLAN: &str = include_str!("../../peers/asterisk/pbx-extensions.conf");
const BETWEEN: &str = include_str!("../../peers/asterisk/between.conf");
const BETWEEN_DIALPLAN: &str = include_str!("../../peers/asterisk/between-extensions.conf");

/// What the last digits of a number make the PBX do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Answers, and returns what it hears.
    Echo,
    /// Plays a tone before it answers, then returns what it hears.
    EarlyMedia,
    /// Is busy.
    Busy,
    /// Rings for ever.
    Rings,
    /// Answers and hangs up after two seconds.
    HangsUp,
    /// Answers, and returns a digit that it has heard.
    Digits,
    /// Calls out again to the carrier.
    Outside,
}

impl Extension {
    /// The number that the carrier dials.
    pub fn number(self) -> String {
        let extension = match self {
            Self::Echo => "750",
            Self::EarlyMedia => "751",
            Self::Busy => "752",
            Self::Rings => "753",
            Self::HangsUp => "754",
            Self::Digits => "755",
            Self::Outside => "756",
        };
        let base = number(Side::Carrier);
        format!("{}{extension}", base.strip_suffix("750").unwrap_or(base))
    }
}

/// Who has to prove to whom who he is, as the account that [`registrar`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Nobody: addresses say it.
    Nobody,
    /// Edge, which registers with Asterisk to be called.
    Edge,
    /// Asterisk.
    Asterisk,
}

impl Account {
    /// What the configuration has for it.
    fn words(self) -> [(&'static str, String); 3] {
        let (user, password) = (registrar::USER, registrar::PASSWORD);
        let auth = format!(
            "[{user}]\ntype = auth\nauth_type = userpass\nusername = {user}\npassword = {password}\n"
        );
        let aor = format!("[{user}]\ntype = aor\nmax_contacts = 1\nremove_existing = yes\n");
        let (aor_name, account, sections) = match self {
            Self::Nobody => ("edge", String::new(), String::new()),
            Self::Edge => (user, format!("auth = {user}"), format!("{auth}\n{aor}")),
            Self::Asterisk => ("edge", format!("outbound_auth = {user}"), auth),
        };
        [("aor", aor_name.to_owned()), ("account", account), ("sections", sections)]
    }
}

/// A running Asterisk; killed when dropped.
#[derive(Debug)]
pub struct Asterisk {
    process: Process,
    directory: PathBuf,
    /// How it dials edge.
    channel: String,
}

impl Asterisk {
    /// As the PBX of a lab.
    pub fn pbx(lab: &Lab, debian: &NewerDebian, transport: Transport, account: Account) -> Result<Self> {
        let words = [
            ("address", Side::Pbx.peer_address().to_string()),
            ("edge", Side::Pbx.edge_address().to_string()),
            ("transport", transport.name().to_owned()),
            ("outside", number(Side::Pbx).to_owned()),
        ];
        let words: Vec<_> = words.into_iter().chain(account.words()).collect();
        let address = SocketAddrV4::new(Side::Pbx.peer_address(), SIP_PORT);
        let this = Self::start(lab, debian, lab.peer(Side::Pbx), address, [PBX, PBX_DIALPLAN], &words)?;
        // Who has registered is called where that was, whatever the number.
        let channel = match account {
            Account::Nobody | Account::Asterisk => format!("PJSIP/{}@edge", number(Side::Pbx)),
            Account::Edge => "PJSIP/edge".to_owned(),
        };
        Ok(Self { channel, ..this })
    }

    /// In the place of edge: what comes from one peer goes to the other, media included.
    pub fn between(lab: &Lab, debian: &NewerDebian) -> Result<Self> {
        let words = [
            ("outside", Side::Carrier.edge_address().to_string()),
            ("inside", Side::Pbx.edge_address().to_string()),
            ("carrier", Side::Carrier.peer_address().to_string()),
            ("pbx", Side::Pbx.peer_address().to_string()),
        ];
        let address = SocketAddrV4::new(Side::Carrier.edge_address(), SIP_PORT);
        Self::start(lab, debian, lab.edge(), address, [BETWEEN, BETWEEN_DIALPLAN], &words)
    }

    fn start(
        lab: &Lab,
        debian: &NewerDebian,
        namespace: &Namespace,
        address: SocketAddrV4,
        [pjsip, dialplan]: [&str; 2],
        words: &[(&str, String)],
    ) -> Result<Self> {
        let directory = lab.directory().join("asterisk");
        for part in ["var", "log", "spool/outgoing", "spool/tmp"] {
            std::fs::create_dir_all(directory.join(part))?;
        }
        let path = ("directory", directory.display().to_string());
        let fill = |text: &str| {
            let words = words.iter().chain([&path]);
            words.fold(text.to_owned(), |text, (key, value)| text.replace(&format!("<{key}>"), value))
        };
        let files = [
            ("asterisk.conf", SYSTEM),
            ("modules.conf", MODULES),
            ("pjsip.conf", pjsip),
            ("extensions.conf", dialplan),
            ("logger.conf", "[logfiles]\nconsole => notice,warning,error\n"),
            ("pjproject.conf", ""),
            ("rtp.conf", "[general]\nrtpstart=10000\nrtpend=19999\n"),
        ];
        for (name, text) in files {
            std::fs::write(directory.join(name), fill(text))?;
        }
        let mut command = debian.command("asterisk", lab.directory());
        command.arg("-f").arg("-C").arg(directory.join("asterisk.conf"));
        let mut process = Process::start(command, namespace, &directory.join("output"))?;
        wait_until_listening(namespace, address, &mut process).context("Asterisk does not start")?;
        Ok(Self { process, directory, channel: String::new() })
    }

    /// Lets the PBX call the carrier, and return what it hears.
    pub fn call(&self) -> Result<()> {
        let text = format!("Channel: {}\nApplication: Echo\n", self.channel);
        // A call file must appear whole.
        let [made, moved] = ["spool/tmp/call", "spool/outgoing/call"].map(|name| self.directory.join(name));
        std::fs::write(&made, text)?;
        Ok(std::fs::rename(made, moved)?)
    }

    /// Process id of what all its processes descend from.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has complained of.
    pub fn log(&self) -> String {
        self.process.output()
    }
}
