//! Who is measured: what stands between the two SIPp processes of a lab.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use edge_tests::peers::{Asterisk, NewerDebian, contained, installed, wait_until_listening};
use edge_tests::process::Process;
use edge_tests::sipp::SIP_PORT;
use edge_tests::{EdgeConfig, EdgeProcess, Lab, Side};

use crate::processor::{self, Cores};
use crate::rtpengine;

const KAMAILIO: &str = include_str!("../../peers/kamailio.cfg");
const RTPENGINE: &str = include_str!("../../peers/kamailio-rtpengine.cfg");

/// They are looked at so often until they are idle,
const SETTLING: Duration = Duration::from_millis(500);
/// and so many times at most: twice as long as any transaction lasts.
const SETTLING_MAX: u32 = 128;
/// Who takes less than this part of a core is idle: edge closes its transactions and records meanwhile.
const IDLE_PART: u32 = 8;

/// The kinds of what can be between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The kernel alone, which forwards: what SIPp can do.
    Nothing,
    Edge,
    /// A proxy that records its route and does no media.
    Kamailio,
    /// The same with a relay of media.
    KamailioRtpengine,
    /// A B2BUA with media.
    Asterisk,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Nothing, Self::Edge, Self::Kamailio, Self::KamailioRtpengine, Self::Asterisk];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "SIPp to SIPp",
            Self::Edge => "edge",
            Self::Kamailio => "Kamailio, proxy",
            Self::KamailioRtpengine => "Kamailio, proxy + rtpengine",
            Self::Asterisk => "Asterisk, B2BUA",
        }
    }

    /// Its name in names of files.
    pub(super) const fn file_name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Edge => "edge",
            Self::Kamailio => "kamailio",
            Self::KamailioRtpengine => "kamailio-rtpengine",
            Self::Asterisk => "asterisk",
        }
    }

    /// Whether it is compared with edge.
    pub(super) const fn is_peer(self) -> bool {
        !matches!(self, Self::Nothing | Self::Edge)
    }

    /// What is missing for it on this machine.
    pub(super) fn missing(self) -> Option<String> {
        let error = match self {
            Self::Nothing | Self::Edge => None,
            Self::Kamailio => installed("kamailio", "kamailio").err(),
            Self::KamailioRtpengine => installed("rtpengine", "rtpengine-daemon").err(),
            Self::Asterisk => NewerDebian::installed().err(),
        };
        error.map(|error| error.to_string())
    }
}

/// One of them, running in a lab of its own.
#[derive(Debug)]
pub(super) struct Subject<'lab> {
    pub(super) kind: Kind,
    pub(super) lab: &'lab Lab,
    running: Vec<Running<'lab>>,
}

#[derive(Debug)]
enum Running<'lab> {
    Edge(EdgeProcess<'lab>),
    Process(Process),
    Asterisk(Asterisk),
}

impl Running<'_> {
    fn id(&self) -> u32 {
        match self {
            Self::Edge(edge) => edge.id(),
            Self::Process(process) => process.id(),
            Self::Asterisk(asterisk) => asterisk.id(),
        }
    }
}

impl<'lab> Subject<'lab> {
    /// Starts it and binds it to its core.
    pub(super) fn start(kind: Kind, lab: &'lab Lab, cores: Cores) -> Result<Self> {
        let running = match kind {
            Kind::Nothing => {
                lab.forward_by_kernel()?;
                Vec::new()
            }
            Kind::Edge => vec![Running::Edge(EdgeProcess::start(lab, &edge_config())?)],
            Kind::Kamailio => vec![kamailio(lab, "")?],
            Kind::KamailioRtpengine => {
                vec![Running::Process(rtpengine::start(lab)?), kamailio(lab, RTPENGINE)?]
            }
            Kind::Asterisk => vec![Running::Asterisk(Asterisk::between(lab, &NewerDebian::installed()?)?)],
        };
        for process in &running {
            processor::bind(process.id(), cores.subject)?;
        }
        Ok(Self { kind, lab, running })
    }

    /// Where the caller sends its INVITEs.
    pub(super) const fn address(&self) -> Ipv4Addr {
        match self.kind {
            Kind::Nothing => Side::Pbx.peer_address(),
            Kind::Edge | Kind::Kamailio | Kind::KamailioRtpengine | Kind::Asterisk => {
                Side::Carrier.edge_address()
            }
        }
    }

    /// Lets it run before all else on its core.
    pub(super) fn prefer(&self) -> Result<()> {
        self.running.iter().try_for_each(|process| processor::prefer(process.id()))
    }

    /// The time that its processes have spent.
    pub(super) fn spent(&self) -> Result<Duration> {
        self.running.iter().map(|process| processor::spent(process.id())).sum()
    }
}

/// Waits until nobody is at work any more. Calls that were too many leave transactions that are sent again for half a minute
/// (RFC 3261 timers B and H), and they share one core: whoever is measured next would have what the last one leaves of it.
pub(super) fn settle(subjects: &[Subject<'_>]) -> Result<()> {
    let all = || subjects.iter().map(Subject::spent).sum::<Result<Duration>>();
    let mut before = all()?;
    for _ in 0..SETTLING_MAX {
        thread::sleep(SETTLING);
        let now = all()?;
        if now.saturating_sub(before) * IDLE_PART < SETTLING {
            return Ok(());
        }
        before = now;
    }
    bail!("somebody is still at work {} s after the last call", SETTLING_MAX / 2)
}

/// One shard for one core. Ports rest as short as they may, so that there are enough of them at any rate.
fn edge_config() -> EdgeConfig {
    EdgeConfig::default().shards(1).media_ports("10000-31999").section("[timers]\nport_rest = \"1s\"")
}

/// A proxy in the middle namespace, with what `media` adds to its configuration.
fn kamailio<'lab>(lab: &'lab Lab, media: &str) -> Result<Running<'lab>> {
    let directory = lab.directory().join("kamailio");
    std::fs::create_dir_all(&directory)?;
    let file = directory.join("kamailio.cfg");
    let mut config = KAMAILIO.replace("[media]", media);
    for side in Side::BOTH {
        config = config.replace(&format!("[{}]", side.name()), &side.peer_address().to_string());
        config = config.replace(&format!("[{}]", side.edge_device()), &side.edge_address().to_string());
    }
    std::fs::write(&file, config)?;
    let mut command = contained(&installed("kamailio", "kamailio")?);
    command.args(["-DD", "-E", "-m", "512", "-M", "16", "-f"]).arg(&file).arg("-Y").arg(&directory);
    let mut process = Process::start(command, lab.edge(), &directory.join("output"))?;
    let address = SocketAddrV4::new(Side::Carrier.edge_address(), SIP_PORT);
    wait_until_listening(lab.edge(), address, &mut process).context("Kamailio does not start")?;
    Ok(Running::Process(process))
}
