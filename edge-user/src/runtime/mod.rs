//! The running process: sockets, shards, the datapath, call records and signals.
//!
//! Data flows one way: receivers (a thread a socket) -> shards (a thread each, hosting the pure core) -> sockets,
//! datapath and the record writer. Connections have a thread of their own ([`stream`]), which is receiver and socket
//! for all of them. tokio's loop stands beside that path and does what is slow or rare: signals,
//! reloading, refreshing next hops, publishing counters.
//!
//! Invariant: a process that was told to end ends: the first SIGTERM drains, and a second one does not wait.

pub mod clock;
mod control;
mod digits;
mod heritage;
mod listener;
mod listening;
mod node;
mod reload;
mod resolver;
mod shard;
mod signals;
mod status;
mod stream;
mod tapping;
mod tones;
mod trunk_test;
mod udp;

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam::channel::{Receiver, Sender, bounded};
use edge_core::Edge;
use edge_core::digest::NonceKey;
use edge_core::edge::Shard;
use edge_core::policy::{ListenerId, Policy};
use tokio::sync::mpsc;

use crate::cdr;
use crate::config::{Changes, Config, XdpMode};
use crate::datapath::{Datapath, DatapathSettings, MediaHost, Mode};
use crate::host;
use crate::journal::{Journal, Note};
use crate::registrations::Registrations;
use crate::shield::Shield;
use crate::tls::Keyring;

use control::Order;
use heritage::{Heir, Heritage};
use listener::Reception;
use listening::{Listening, listen};
use resolver::{Finding, Resolver};
use shard::{Farewell, NOTICES_MAX, Notice, Running, ShardHost, ShardStatus};
use signals::Signals;
use stream::{Outgoing, Shared, StreamCounters};
use tapping::Tapping;
use tones::{Tones, TonesPlayed};

pub use control::{CALLS_MAX, CallFilter, Control, NoAnswer, ShownCall};
pub use node::Node;
pub use resolver::Looked;
pub use status::{Quantiles, Status, read_status};
pub use stream::{Inspected, Shaken};
pub use tapping::HeldTap;
pub use trunk_test::{Findings, Names, NoTest};

/// How often neighbours that have not answered ARP yet are looked for again.
const NEIGHBOURS: Duration = Duration::from_millis(20);

/// How long a drained process waits for the last answers after it has hung up: a BYE is sent four times in it. A
/// peer that says nothing shall not keep the process.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// Runs the edge until it is told to end. `attended` gets a handle on it once it is ready; what it starts on tokio's loop
/// ends with the process.
///
/// # Errors
/// Whatever keeps it from starting, with what to do about it.
pub fn run(
    mut config: Config,
    file: &Path,
    attended: impl FnOnce(Control) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    refuse_wrong_host(&config)?;
    let keyring = Arc::new(reload::keyring(&config)?);
    reload::log_in(&mut config)?;
    if let Some(policy) = Arc::get_mut(&mut config.policy) {
        policy.sign_with(NonceKey::new(seed()?));
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // Before anything is started: a signal that arrives now must find its handler.
        let signals = Signals::new()?;
        let (resolver, config) = resolver::first_answers(config).await?;
        let (orders, given) = control::orders();
        let process = Process::start(config, resolver, keyring, orders.clone())?;
        let control = Control::new(
            process.shards.clone().into(),
            Arc::clone(&process.reception),
            Arc::clone(&process.node),
            process.config.dns.servers.clone().into(),
            orders,
        );
        if let Err(error) = attended(control) {
            // Calls that it goes on with are not to be hung up for that.
            process.end(Farewell::Leave)?;
            return Err(error);
        }
        process.announce();
        process.attend(signals, given, file).await
    })
}

fn refuse_wrong_host(config: &Config) -> anyhow::Result<()> {
    let problems = host::check(config)?;
    for problem in &problems {
        tracing::error!("{problem}");
    }
    if !problems.is_empty() {
        bail!("this host does not fit the configuration ({} problems, see above)", problems.len());
    }
    Ok(())
}

/// Everything that was started.
struct Process {
    config: Config,
    policy: Arc<Policy>,
    datapath: Datapath,
    node: Arc<Node>,
    reception: Arc<Reception>,
    streams: Arc<StreamCounters>,
    tones: Arc<TonesPlayed>,
    shards: Vec<Sender<Notice>>,
    statuses: Vec<Arc<ShardStatus>>,
    drained: Receiver<()>,
    receivers: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    records: cdr::Writer,
    journal: Journal,
    registrations: Registrations,
    /// Where the names of trunks lead.
    resolver: Resolver,
    tapping: Tapping,
    /// Whether it was said that counters cannot be published.
    unpublished: AtomicBool,
    /// What the guests were numbered when the shield heard of them.
    guests_followed: u64,
    /// Held as long as this process is the node.
    _only_one: UnixDatagram,
}

impl Process {
    fn start(
        config: Config,
        resolver: Resolver,
        keyring: Arc<Keyring>,
        orders: mpsc::Sender<Order>,
    ) -> anyhow::Result<Self> {
        // Everything that may fail comes before the datapath: nobody would be there for the calls that go on.
        let only_one = only_one(&config)?;
        let heritage = Heritage::of(&config)?;
        let config = heritage.accommodated(config);
        let policy = Arc::clone(&config.policy);
        let Listening { datagrams, connections } = listen(&policy)?;
        let sockets = Arc::new(datagrams);
        let epoch = clock::now();
        let journal = Journal::start(&Journal::path(&config.node.state_dir, &config.node.name), epoch)?;
        let registrations = Registrations::of(&config.node.state_dir, &config.node.name, epoch);
        let restored = registrations.restore(&policy);
        if restored > 0 {
            tracing::info!(bindings = restored, "registered as before");
        }
        let records = cdr::Writer::start(&config.cdr.path, &config.node.name, journal.notes())?;
        let datapath = Datapath::start(&datapath_settings(&config), &policy.realms)?;
        let (heritage, elsewhere) = heritage.share(&datapath, config.shards);
        let shield = Shield::start(datapath.shield()?, datapath.attached(), &policy, &config.node)?;
        let reception = Reception::new(Arc::clone(&policy), keyring, Arc::new(shield));
        let reception = Arc::new(reception.sending_elsewhere(elsewhere));
        let (drained_sender, drained) = bounded(config.shards);
        let (streams, outgoing) = stream::queue();
        let (tones, waiting) = tones::queue();
        let node = Arc::new(Node::new(&config, datapath.attached(), epoch));
        let mut process = Self {
            config,
            policy,
            datapath,
            node,
            reception,
            streams: Arc::default(),
            tones: Arc::clone(&waiting.played),
            shards: Vec::new(),
            statuses: Vec::new(),
            drained,
            receivers: Vec::new(),
            workers: Vec::new(),
            records,
            journal,
            registrations,
            resolver,
            tapping: Tapping::new(orders),
            unpublished: AtomicBool::new(false),
            guests_followed: 0,
            _only_one: only_one,
        };
        process.start_shards(heritage, epoch, (&sockets, streams, tones), &drained_sender)?;
        process.workers.push(tones::start(waiting, &process.policy)?);
        process.start_streams(connections, outgoing)?;
        let ears = process.datapath.digit_ears()?;
        let ears = digits::start(ears, process.shards.clone(), Arc::clone(&process.reception))?;
        process.workers.push(ears);
        process.start_receivers(&sockets)?;
        Ok(process)
    }

    /// Starts all shards, each with the calls that it goes on with.
    fn start_shards(
        &mut self,
        heritage: heritage::Shared,
        epoch: Instant,
        (sockets, streams, tones): (&Arc<HashMap<ListenerId, UdpSocket>>, mpsc::Sender<Outgoing>, Tones),
        drained: &Sender<()>,
    ) -> anyhow::Result<()> {
        let (mut kept, found) = (HashSet::new(), heritage.heirs.iter().map(Vec::len).sum::<usize>());
        let count = self.config.shards;
        let (shards, inboxes): (Vec<_>, Vec<_>) = (0..count).map(|_| bounded(NOTICES_MAX)).unzip();
        self.shards = shards;
        for ((index, heirs), inbox) in heritage.heirs.into_iter().enumerate().zip(inboxes) {
            let shard = Shard { index, count };
            let mut edge = Edge::new(Arc::clone(&self.policy), shard, epoch, seed()?);
            edge.withhold_ports(&heritage.ports);
            let status = Arc::new(ShardStatus::new());
            self.statuses.push(Arc::clone(&status));
            let host = ShardHost {
                edge,
                inbox,
                shards: self.shards.clone(),
                datapath: self.datapath.writer()?,
                sockets: Arc::clone(sockets),
                streams: streams.clone(),
                tones: tones.of_shard(index),
                records: self.records.sender(),
                journal: self.journal.notes(),
                drained: drained.clone(),
                shield: Arc::clone(&self.reception.shield),
                status,
            };
            kept.extend(self.start_shard(index, host, heirs)?);
        }
        if found > 0 {
            tracing::info!(
                calls = found,
                "found in the journal: calls of an earlier run go on, or are ended"
            );
        }
        self.end_heritage(&kept);
        Ok(())
    }

    /// Starts a shard with the calls that it goes on with, and returns the endpoints that are theirs.
    fn start_shard(&mut self, index: usize, host: ShardHost, heirs: Vec<Heir>) -> anyhow::Result<Vec<u32>> {
        let mut running = Running::new(host);
        heirs.into_iter().for_each(|heir| running.go_on(heir));
        let endpoints = running.endpoints().collect();
        let worker = std::thread::Builder::new().name(format!("shard-{index}")).spawn(|| running.run())?;
        self.workers.push(worker);
        Ok(endpoints)
    }

    /// All calls of an earlier process are here or over: nobody has what is left of its media, and its journal is not needed
    /// once the records of those that are over are on disk.
    fn end_heritage(&self, kept: &HashSet<u32>) {
        let removed = self.datapath.remove_others(kept);
        if removed > 0 {
            tracing::warn!(
                endpoints = removed,
                "removed media of an earlier run that belongs to no answered call"
            );
        }
        drop(self.records.sender().send(cdr::Entry::Then(Note::Replace)));
    }

    /// The thread of connections ends when the last shard has.
    fn start_streams(
        &mut self,
        listeners: Vec<(ListenerId, TcpListener)>,
        outgoing: mpsc::Receiver<Outgoing>,
    ) -> anyhow::Result<()> {
        let (shards, reception) = (self.shards.clone(), Arc::clone(&self.reception));
        let shared = Shared::new(shards, reception, Arc::clone(&self.streams));
        self.workers.push(stream::start(listeners, outgoing, shared)?);
        Ok(())
    }

    fn start_receivers(&mut self, sockets: &HashMap<ListenerId, UdpSocket>) -> anyhow::Result<()> {
        for (&id, socket) in sockets {
            let socket = socket.try_clone()?;
            let (shards, shared) = (self.shards.clone(), Arc::clone(&self.reception));
            let receiver = std::thread::Builder::new()
                .name(format!("sip-{}-{}", id.realm.index(), id.index))
                .spawn(move || listener::receive(&socket, id, &shards, &shared))?;
            self.receivers.push(receiver);
        }
        Ok(())
    }

    fn announce(&self) {
        for attached in self.datapath.attached() {
            let said = match attached.mode {
                MediaHost::Xdp(_) => "XDP attached",
                MediaHost::Userspace => "media is relayed in userspace",
            };
            tracing::info!(device = attached.device, mode = %attached.mode, "{said}");
        }
        tracing::info!(
            node = self.config.node.name,
            trunks = self.policy.trunks.len(),
            routes = self.policy.routes.all().len(),
            shards = self.shards.len(),
            "edge is ready"
        );
    }

    async fn attend(
        mut self,
        mut signals: Signals,
        mut orders: mpsc::Receiver<Order>,
        file: &Path,
    ) -> anyhow::Result<()> {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut neighbours = tokio::time::interval(NEIGHBOURS);
        let mut lost = None;
        while lost.is_none() {
            tokio::select! {
                _ = second.tick() => {
                    self.tick();
                    lost = self.datapath.lost_device();
                }
                finding = self.resolver.next() => self.on_found(finding),
                _ = neighbours.tick() => drop(self.datapath.resolve_next_hops()),
                _ = signals.hangup.recv() => drop(self.reload(file, false)),
                Some(order) = orders.recv() => self.obey(order, file),
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.leave.recv() => {
                    tracing::info!("ending without its calls: whoever is this node next goes on with them");
                    return self.end(Farewell::Leave);
                }
            }
        }
        let Some(device) = lost else {
            self.drain(&mut signals, &mut second).await;
            return self.stop();
        };
        // What goes through it cannot be helped; whoever supervises edge starts it again when the device is back.
        tracing::error!(device, "the device is gone: edge ends");
        self.stop()?;
        bail!("device {device} is gone")
    }

    fn obey(&mut self, order: Order, file: &Path) {
        match order {
            Order::Reload { dry_run, outcome } => drop(outcome.send(self.reload(file, dry_run))),
            Order::Tap { endpoints, reply } => self.tapping.prepare(&self.datapath, endpoints, reply),
            Order::TapReady { ready, reply } => self.tapping.begin(&mut self.datapath, ready, reply),
        }
    }

    /// What is due each second.
    fn tick(&mut self) {
        self.tapping.end_when_left(&mut self.datapath);
        if let Some(policy) = self.policy.without_deserted() {
            self.replace_policy(Arc::new(policy));
        }
        self.datapath.refresh();
        self.follow_guests();
        self.registrations.keep(&self.policy);
        self.reception.shield.tick();
        self.publish();
    }

    /// The shield lets through who has proven itself to be a trunk.
    fn follow_guests(&mut self) {
        self.policy.expire_guests(self.node.since_epoch());
        let changes = self.policy.guests_changed();
        if std::mem::replace(&mut self.guests_followed, changes) != changes {
            self.reception.shield.follow(&self.policy);
        }
    }

    /// DNS has said something about the name of a trunk.
    fn on_found(&mut self, finding: Finding) {
        if let Some(policy) = resolver::found(&self.policy, finding) {
            self.replace_policy(policy);
        }
    }

    /// From now on calls are decided by `policy`.
    fn replace_policy(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
        self.reception.shield.follow(&self.policy);
        self.reception.replace_policy(Arc::clone(&self.policy));
        for shard in &self.shards {
            drop(shard.send(Notice::Policy(Arc::clone(&self.policy))));
        }
    }

    fn publish(&self) {
        let status = Arc::new(Status::gather(
            &self.reception,
            (&self.streams, &self.tones),
            &self.statuses,
            &self.records,
            &self.journal,
        ));
        self.node.publish(Arc::clone(&status));
        if let Err(error) = status.write(&self.config.node.run_dir) {
            let said = self.unpublished.swap(true, Ordering::Relaxed);
            if !said {
                let run_dir = self.config.node.run_dir.display();
                tracing::warn!(
                    "counters are not published: node.run_dir {run_dir} cannot be written: {error}"
                );
            }
        }
    }

    fn reload(&mut self, file: &Path, dry_run: bool) -> Result<Changes, String> {
        let loaded = reload::load(file, &self.config, &self.node.text(), &self.policy);
        let watched = loaded.and_then(|loaded| {
            if !dry_run {
                self.resolver.watch(loaded.policy.questions())?;
            }
            Ok(loaded)
        });
        match watched {
            Ok(loaded) if dry_run => Ok(loaded.changes),
            Ok(loaded) => {
                let said = loaded.said();
                self.reception.replace_keyring(Arc::new(loaded.keyring));
                self.replace_policy(loaded.policy);
                self.node.goes_by(loaded.text);
                tracing::info!(
                    trunks = self.policy.trunks.len(),
                    routes = self.policy.routes.all().len(),
                    changes = loaded.changes.count,
                    "configuration reloaded: {said}"
                );
                Ok(loaded.changes)
            }
            Err(error) if dry_run => Err(format!("{error:#}")),
            Err(error) => {
                tracing::error!("configuration not reloaded, nothing changed: {error:#}");
                Err(format!("{error:#}"))
            }
        }
    }

    /// Waits until no call is left, the grace and the farewells are over, or a second signal comes.
    async fn drain(&mut self, signals: &mut Signals, second: &mut tokio::time::Interval) {
        let grace = self.config.drain.grace;
        self.node.drains();
        tracing::info!(
            grace_s = grace.as_secs_f64(),
            "draining: no new calls; send the signal again to end at once"
        );
        for shard in &self.shards {
            drop(shard.send(Notice::Drain(grace)));
        }
        let patience = tokio::time::sleep(grace + FAREWELL_MAX);
        tokio::pin!(patience);
        let mut poll = tokio::time::interval(Duration::from_millis(50));
        let mut left = self.shards.len();
        while left > 0 {
            tokio::select! {
                _ = poll.tick() => left -= self.drained.try_iter().count(),
                _ = second.tick() => self.tick(),
                () = &mut patience => return tracing::warn!("calls are left after the grace"),
                _ = signals.terminate.recv() => return tracing::warn!("told again: calls may be left"),
                _ = signals.interrupt.recv() => return tracing::warn!("told again: calls may be left"),
            }
        }
    }

    fn stop(self) -> anyhow::Result<()> {
        self.end(Farewell::HangUp)
    }

    fn end(self, farewell: Farewell) -> anyhow::Result<()> {
        self.publish();
        self.reception.stopping.store(true, Ordering::Relaxed);
        for shard in &self.shards {
            drop(shard.send(Notice::Stop(farewell)));
        }
        for thread in self.receivers.into_iter().chain(self.workers) {
            if thread.join().is_err() {
                tracing::error!("a thread ended by a panic");
            }
        }
        self.registrations.keep(&self.policy);
        // Whatever one of them meets, the others are done, too.
        let records = self.records.finish().context("call records");
        let journal = self.journal.finish();
        let detached = match farewell {
            Farewell::HangUp => self.datapath.shutdown().context("detaching the XDP program"),
            Farewell::Leave => Ok(()),
        };
        status::remove(&self.config.node.run_dir);
        tracing::info!("edge has ended");
        records.and(journal).and(detached)
    }
}

/// Makes sure that no other process is this node: two would take each other's media away. The name is the kernel's, so
/// that it is free again the moment that this process ends, however it does.
fn only_one(config: &Config) -> anyhow::Result<UnixDatagram> {
    let name = format!("edge:{}/{}", config.xdp.pin_dir.display(), config.node.name);
    let address = SocketAddr::from_abstract_name(&name)?;
    UnixDatagram::bind_addr(&address)
        .with_context(|| format!("node {}: another `edge run` is this node; stop it first", config.node.name))
}

fn datapath_settings(config: &Config) -> DatapathSettings {
    DatapathSettings {
        pin_root: config.xdp.pin_dir.clone(),
        node: config.node.name.clone(),
        run_dir: config.node.run_dir.clone(),
        mode: match config.xdp.mode {
            XdpMode::Auto => Mode::Auto,
            XdpMode::Native => Mode::Native,
            XdpMode::Generic => Mode::Generic,
            XdpMode::Off => Mode::Off,
        },
        flows_max: config.xdp.flows_max,
        diagnostics: config.xdp.diagnostics,
    }
}

/// Randomness for tags, branches, session ids and nonces.
fn seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut seed))
        .context("/dev/urandom")?;
    Ok(seed)
}
