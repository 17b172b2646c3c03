//! The program at work on real devices: attached by [`Datapath`], fed by sockets of two peers.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edge_core::media::{MediaEndpoint, MediaPlan, RelayedStream, RemoteMedia, SourcePolicy, Traffic};
use edge_core::policy::{MediaRange, PortRange, Realm};
use edge_ebpf::testing::{Packet, rtp, tagged};
use edge_tests::frames::Frames;
use edge_tests::lab::{Lab, PEER_DEVICE, Side};
use edge_user::datapath::{
    AttachMode, ClosedPorts, Datapath, DatapathSettings, DatapathWriter, InstallError, Installed, MediaHost,
    Mode,
};

pub(super) const NODE: &str = "edge.lab";
pub(super) const PEER_PORT: u16 = 6000;
const OTHER_PEER_PORT: u16 = 6010;
pub(super) const LOCAL_PORT: u16 = 20000;

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn media_crosses_and_everything_else_passes() -> Result<()> {
    Lab::drill(|lab| {
        let datapath = start(lab)?;
        ensure!(
            datapath.attached().iter().all(|attached| attached.mode == MediaHost::Xdp(AttachMode::Native))
        );
        let mut writer = datapath.writer()?;
        let installed = install(&datapath, &mut writer)?;
        let (carrier, pbx) = (peer(lab, Side::Carrier, PEER_PORT)?, peer(lab, Side::Pbx, PEER_PORT)?);
        for sequence in 0..100 {
            exchange(&carrier, Side::Carrier, &pbx, Side::Pbx, sequence)?;
            exchange(&pbx, Side::Pbx, &carrier, Side::Carrier, sequence)?;
        }
        let edge = Side::Carrier.edge_address().to_string();
        lab.peer(Side::Carrier).command("ping", &["-c", "1", "-W", "2", &edge]).context("ICMP must pass")?;
        let host = lab.edge().run(|| UdpSocket::bind((Side::Carrier.edge_address(), 5060)))??;
        host.set_read_timeout(Some(Duration::from_secs(2)))?;
        carrier.send_to(b"not media", host.local_addr()?)?;
        host.recv(&mut [0; 64]).context("UDP to another port must pass")?;
        for report in writer.remove(installed) {
            ensure!((report.packets, report.rtp.lost, report.drops.len()) == (100, 0, 0), "{report:?}");
        }
        datapath.shutdown()?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn a_changed_remote_loses_no_packet() -> Result<()> {
    Lab::drill(|lab| {
        let datapath = start(lab)?;
        let mut writer = datapath.writer()?;
        let mut installed = install(&datapath, &mut writer)?;
        let carrier = peer(lab, Side::Carrier, PEER_PORT)?;
        let sent = AtomicU64::new(0);
        let updates = thread::scope(|scope| -> Result<u32> {
            scope.spawn(|| {
                send_until(&carrier, Side::Carrier, &sent, || sent.load(Ordering::Relaxed) == 10_000)
            });
            let mut updates = 0;
            while sent.load(Ordering::Relaxed) < 10_000 {
                let port = if updates % 2 == 0 { OTHER_PEER_PORT } else { PEER_PORT };
                writer.update(&mut installed, &plan(PEER_PORT, port))?;
                updates += 1;
            }
            Ok(updates)
        })?;
        let sent = sent.into_inner();
        ensure!(updates > 10_000, "the entry changed more often than packets came: {updates}");
        let [a, _] = writer.remove(installed);
        ensure!(a.packets == sent && a.drops.is_empty(), "{sent} sent over {updates} updates: {a:?}");
        datapath.shutdown()?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn running_media_follows_a_neighbour_that_changes_its_address() -> Result<()> {
    const STATION: &str = "02:00:00:00:00:42";
    Lab::drill(|lab| {
        let mut datapath = start(lab)?;
        let mut writer = datapath.writer()?;
        let installed = install(&datapath, &mut writer)?;
        let (carrier, pbx) = (peer(lab, Side::Carrier, PEER_PORT)?, peer(lab, Side::Pbx, PEER_PORT)?);
        exchange(&carrier, Side::Carrier, &pbx, Side::Pbx, 0)?;
        lab.peer(Side::Pbx).ip(&["link", "set", PEER_DEVICE, "address", STATION])?;
        let (address, device) = (Side::Pbx.peer_address().to_string(), Side::Pbx.edge_device());
        lab.edge().ip(&["neighbour", "replace", &address, "lladdr", STATION, "dev", device])?;
        datapath.refresh();
        exchange(&carrier, Side::Carrier, &pbx, Side::Pbx, 1)?;
        let _ = writer.remove(installed);
        datapath.shutdown()?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn refused_installs_leave_nothing_behind() -> Result<()> {
    Lab::drill(|lab| {
        lab.edge().ip(&["link", "add", "spare", "type", "veth", "peer", "name", "spare-peer"])?;
        lab.edge().ip(&["address", "add", "172.16.0.1/24", "dev", "spare"])?;
        lab.edge().ip(&["link", "set", "spare", "up"])?;
        let datapath = start(lab)?;
        let mut writer = datapath.writer()?;
        let good = plan(PEER_PORT, PEER_PORT);
        let with_remote = |ip: [u8; 4]| {
            let mut plan = good.clone();
            plan.streams[0].b.remote = Some(remote(Ipv4Addr::from(ip), PEER_PORT));
            plan
        };
        let refusals = [
            writer.install(&with_remote([127, 0, 0, 1])),
            writer.install(&with_remote([192, 0, 2, 1])),
            writer.install(&with_remote([172, 16, 0, 2])),
            writer.install(&{
                let [RelayedStream { a, b }] = &good.streams[..] else { bail!("one stream") };
                MediaPlan::of(a.clone(), MediaEndpoint { local: "10.0.0.1:5060".parse()?, ..b.clone() })
            }),
        ];
        ensure!(
            matches!(
                refusals,
                [
                    Err(InstallError::NotRemote { .. } | InstallError::NoRoute { .. }),
                    Err(InstallError::NoRoute { .. }),
                    Err(InstallError::NotAttached { .. }),
                    Err(InstallError::NotMedia { .. })
                ]
            ),
            "{refusals:?}"
        );
        let installed = writer.install(&good).context("nothing is left of the refused ones")?;
        let again = writer.install(&good);
        ensure!(matches!(again, Err(InstallError::InUse { .. })), "{again:?}");
        let mut second = good.clone();
        let stream = &mut second.streams[0];
        (stream.a.local, stream.b.local) = (local(Side::Carrier, 20002), local(Side::Pbx, 20002));
        let full = writer.install(&second);
        ensure!(matches!(full, Err(InstallError::Full { flows_max: 2 })), "{full:?}");
        ensure!(datapath.endpoints() == 2);
        let _ = writer.remove(installed);
        let installed = writer.install(&second)?;
        let _ = writer.remove(installed);
        ensure!(datapath.endpoints() == 0);
        datapath.shutdown()?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn jumbo_devices_take_the_program() -> Result<()> {
    Lab::drill(|lab| {
        for side in Side::BOTH {
            lab.peer(side).ip(&["link", "set", PEER_DEVICE, "mtu", "9000"])?;
            lab.edge().ip(&["link", "set", side.edge_device(), "mtu", "9000"])?;
        }
        start(lab)?.shutdown()?;
        Ok(())
    })
}

/// Two trunks behind one device: media leaves by the device that it came in through, on a veth whose peer has GRO and no
/// program of its own, as containers have it.
#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn media_turns_back_on_one_device() -> Result<()> {
    Lab::drill(|lab| {
        let datapath = start(lab)?;
        let mut writer = datapath.writer()?;
        let there = plan(PEER_PORT, PEER_PORT).streams[0].a.clone();
        let back = MediaEndpoint {
            local: local(Side::Carrier, LOCAL_PORT + 2),
            remote: Some(remote(Side::Carrier.peer_address(), OTHER_PEER_PORT)),
            ..there.clone()
        };
        let plan = MediaPlan::of(there.clone(), back.clone());
        let installed = install_plan(&datapath, &mut writer, &plan)?;
        let (one, other) = (peer(lab, Side::Carrier, PEER_PORT)?, peer(lab, Side::Carrier, OTHER_PEER_PORT)?);
        let mut received = [0; 2048];
        for sequence in 0..50 {
            let packet = rtp(sequence, u32::from(sequence) * 160, 9, 160);
            one.send_to(&packet, there.local)?;
            let (len, source) =
                other.recv_from(&mut received).with_context(|| format!("packet {sequence} is lost"))?;
            ensure!(received[..len] == packet[..] && source == back.local, "from {source}");
        }
        ensure!(writer.remove(installed)[0].packets == 50);
        Ok(())
    })
}

/// A tag of VLAN 0 has a priority and no network: such media is the device's own.
#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn media_with_a_priority_tag_crosses() -> Result<()> {
    Lab::drill(|lab| {
        let datapath = start(lab)?;
        let mut writer = datapath.writer()?;
        let installed = install(&datapath, &mut writer)?;
        let side = Side::Carrier;
        let carrier = Frames::at(lab.peer(side), PEER_DEVICE)?;
        let stations =
            [lab.edge().device(side.edge_device())?.station, lab.peer(side).device(PEER_DEVICE)?.station];
        let pbx = peer(lab, Side::Pbx, PEER_PORT)?;
        let mut received = [0; 2048];
        for sequence in 0..20 {
            let payload = rtp(sequence, u32::from(sequence) * 160, 9, 160);
            let (from, to) = (side.peer_address().octets(), side.edge_address().octets());
            let packet = Packet::udp((from, PEER_PORT), (to, LOCAL_PORT), payload.clone());
            carrier.send(&tagged(&Packet { stations, ..packet }.build(), 0))?;
            let (len, _) =
                pbx.recv_from(&mut received).with_context(|| format!("packet {sequence} is lost"))?;
            ensure!(received[..len] == payload[..]);
        }
        ensure!(writer.remove(installed)[0].packets == 20);
        datapath.shutdown()?;
        Ok(())
    })
}

pub(super) fn start(lab: &Lab) -> Result<Datapath> {
    start_in(lab, Mode::Native)
}

pub(super) fn start_in(lab: &Lab, mode: Mode) -> Result<Datapath> {
    Ok(lab.edge().run(|| Datapath::start(&settings(lab, mode), &Side::BOTH.map(realm)))??)
}

pub(super) fn settings(lab: &Lab, mode: Mode) -> DatapathSettings {
    let pin_root = lab.bpffs().join("pins");
    // Nobody relays in userspace here.
    let run_dir = PathBuf::from("/nowhere");
    let closed_ports = ClosedPorts::Drop;
    let node = NODE.to_owned();
    DatapathSettings { pin_root, node, run_dir, mode, flows_max: 2, diagnostics: false, closed_ports }
}

pub(super) fn realm(side: Side) -> Realm {
    let ports = PortRange::new(LOCAL_PORT, LOCAL_PORT + 99).expect("an even start and an odd end");
    let media = vec![MediaRange { address: side.edge_address().into(), ports }];
    let device = side.edge_device().to_owned();
    Realm {
        name: device.clone(),
        device,
        sip: Vec::new(),
        media,
        reaches: Vec::new(),
        advertised: edge_core::policy::Advertised::default(),
    }
}

pub(super) fn plan(carrier_port: u16, pbx_port: u16) -> MediaPlan {
    let endpoint = |side: Side, port| MediaEndpoint {
        local: local(side, LOCAL_PORT),
        remote: Some(remote(side.peer_address(), port)),
        source_policy: SourcePolicy::Strict,
        traffic: Traffic::Rtp,
        dscp: None,
        clock_rate: 8000,
        sends: None,
        steady: None,
        stun: false,
        talks: false,
        encryption: edge_core::media::Encryption::Clear,
    };
    MediaPlan::of(endpoint(Side::Carrier, carrier_port), endpoint(Side::Pbx, pbx_port))
}

fn local(side: Side, port: u16) -> SocketAddr {
    (side.edge_address(), port).into()
}

fn remote(ip: Ipv4Addr, port: u16) -> RemoteMedia {
    RemoteMedia { rtp: (ip, port).into(), rtcp: (ip, port + 1).into() }
}

pub(super) fn peer(lab: &Lab, side: Side, port: u16) -> Result<UdpSocket> {
    let socket = lab.peer(side).run(|| UdpSocket::bind((side.peer_address(), port)))??;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(socket)
}

/// Installs the plan, and waits until the neighbours have answered ARP: these tests count from the first packet.
pub(super) fn install(datapath: &Datapath, writer: &mut DatapathWriter) -> Result<Installed> {
    install_plan(datapath, writer, &plan(PEER_PORT, PEER_PORT))
}

fn install_plan(datapath: &Datapath, writer: &mut DatapathWriter, plan: &MediaPlan) -> Result<Installed> {
    let installed = writer.install(plan)?;
    for _ in 0..400 {
        if datapath.resolve_next_hops() == 0 {
            return Ok(installed);
        }
        thread::sleep(Duration::from_millis(5));
    }
    bail!("a neighbour does not answer ARP")
}

/// One RTP packet that must arrive at the other peer, unchanged, from edge's address there.
pub(super) fn exchange(
    from: &UdpSocket,
    from_side: Side,
    to: &UdpSocket,
    to_side: Side,
    sequence: u16,
) -> Result<()> {
    let packet = rtp(sequence, u32::from(sequence) * 160, 9, 160);
    from.send_to(&packet, local(from_side, LOCAL_PORT))?;
    let mut received = [0; 2048];
    let (len, source) = to.recv_from(&mut received).with_context(|| format!("packet {sequence} is lost"))?;
    ensure!(received[..len] == packet[..] && source == local(to_side, LOCAL_PORT), "from {source}");
    Ok(())
}

/// Sends RTP until told to stop, and counts it; returns when the last packet has had time to arrive.
pub(super) fn send_until(socket: &UdpSocket, side: Side, sent: &AtomicU64, stop: impl Fn() -> bool) {
    let mut sequence: u16 = 0;
    while !stop() {
        socket.send_to(&rtp(sequence, 0, 9, 20), local(side, LOCAL_PORT)).expect("the peer can send");
        sequence = sequence.wrapping_add(1);
        sent.fetch_add(1, Ordering::Relaxed);
        // Slow enough for the ring of a veth, which holds 256 frames.
        thread::sleep(Duration::from_micros(20));
    }
    thread::sleep(Duration::from_millis(50));
}
