//! Media that edge must not relay, and traffic that is none of its business.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Family, Lab, PEER_DEVICE, Side};
use edge_tests::process::wait_until;
use edge_tests::sipp::CALLER_MEDIA_PORT;
use edge_tests::sprayer::SPRAYED_SSRC;
use edge_tests::witness::{Account, Crossing};
use edge_tests::{EdgeConfig, Leg, Sipp, Sprayer, Witness, scenario};

/// Few enough media ports that a sprayer reaches each of them several times a second.
const FEW_PORTS: &str = "20000-20019";
const SPRAYED_PORTS: std::ops::RangeInclusive<u16> = 20_000..=20_019;

/// A port of the carrier's host that its SDP does not name.
const fn other_port(family: Family) -> SocketAddr {
    SocketAddr::new(Side::Carrier.peer(family), 7777)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_from_another_port_is_dropped_and_counted() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(2);
        // The SDP names 7500; SIPp sends from 7000.
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).key("media_port", "7500").seconds(2);
        start(lab, caller, called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(edge.counters()?.dropped("unexpected_source"), 100);
        edge.stop()?;
        assert_eq!(cdrs[0].dropped(Leg::A, "unexpected_source"), 100, "{cdrs:?}");
        assert_eq!(cdrs[0].packets(Leg::A), 0);
        assert_eq!(cdrs[0].packets(Leg::B), 100);
        let account = witness.finish()?;
        assert_eq!(
            account.streams_from(Side::Carrier).map(|stream| stream.received).collect::<Vec<_>>(),
            [0]
        );
        assert_eq!(account.streams_from(Side::Pbx).map(|stream| stream.received).collect::<Vec<_>>(), [100]);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn diagnostics_tell_whose_media_is_dropped() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let mut config = EdgeConfig::default().diagnostics();
        if family == Family::V6 {
            config = config.over_ipv6(Side::Carrier);
        }
        with_edge(config, |lab, edge| {
            let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).key("media_port", "7500");
            start(lab, caller.over(family), Sipp::called(Side::Pbx, scenario!("answers")))?.succeed()?;
            let sender = SocketAddr::new(Side::Carrier.peer(family), CALLER_MEDIA_PORT);
            edge.wait_for_log(&format!("media from {sender} to "), PATIENCE)?;
            edge.stop()
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_sprays_every_port_gets_nothing_through_under_strict() -> Result<()> {
    spray_a_call(Family::V4, "strict", &[other_port(Family::V4)])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_sprays_every_port_gets_nothing_through_under_port() -> Result<()> {
    spray_a_call(Family::V4, "port", &[])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_sprays_every_port_gets_nothing_through_under_subnet() -> Result<()> {
    // The neighbour is in another /28.
    spray_a_call(Family::V4, "subnet/28", &[])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_sprays_every_port_gets_nothing_through_under_latch() -> Result<()> {
    spray_a_call(Family::V4, "latch", &[])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_sprays_every_port_over_ipv6_gets_nothing_through_under_strict() -> Result<()> {
    spray_a_call(Family::V6, "strict", &[other_port(Family::V6)])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_sprays_every_port_over_ipv6_gets_nothing_through_under_subnet() -> Result<()> {
    // The neighbour ends in 0x66, the carrier in 0x10: they have 121 bits in common.
    spray_a_call(Family::V6, "subnet/122", &[])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_sprays_every_port_over_ipv6_gets_nothing_through_under_latch() -> Result<()> {
    spray_a_call(Family::V6, "latch", &[])
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_peer_behind_a_nat_is_found_and_not_lost_to_who_comes_later() -> Result<()> {
    find_behind_a_nat(EdgeConfig::default(), Family::V4, "192.168.7.7")
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_peer_behind_a_nat_is_found_over_ipv6() -> Result<()> {
    find_behind_a_nat(EdgeConfig::default().over_ipv6(Side::Carrier), Family::V6, "fd77::7")
}

/// The carrier is behind a NAT, and knows itself by another address and port.
fn find_behind_a_nat(config: EdgeConfig, family: Family, private: &str) -> Result<()> {
    let config = config.trunk(Side::Carrier, "nat = true").media_ports(FEW_PORTS);
    with_edge(config, |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(3);
        // What the peer knows of itself: its private address, and a port that its NAT made another one of.
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).over(family).seconds(3);
        let caller = caller.key("media_ip", private).key("media_port", "7500");
        let pair = start(lab, caller, called)?;
        let flows = || edge.counters().is_ok_and(|counters| counters.relayed() > 20).then_some(());
        ensure!(wait_until(PATIENCE, flows).is_some(), "no media: {:?}", edge.counters()?);
        let sprayer = Sprayer::start(lab, Side::Carrier, &[other_port(family)], SPRAYED_PORTS)?;
        pair.succeed()?;
        ensure!(sprayer.stop()? > 3, "each port was tried again and again");
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        ensure!(cdrs[0].packets(Leg::A) == 150, "{cdrs:?}");
        ensure!(cdrs[0].dropped(Leg::A, "latched_elsewhere") > 3, "{cdrs:?}");
        // The PBX may begin before the carrier's first packet says where to send.
        let before = cdrs[0].dropped(Leg::B, "not_latched");
        ensure!(before < 100 && cdrs[0].packets(Leg::B) == 150 - before, "{cdrs:?}");
        let account = witness.finish()?;
        nothing_moved(&account)?;
        let arrived = |side| account.streams_from(side).map(|stream| stream.received).sum::<u64>();
        ensure!(arrived(Side::Carrier) == 150 && arrived(Side::Pbx) == u64::try_from(150 - before)?);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_is_marked_as_its_trunk_wants_and_else_left_alone() -> Result<()> {
    with_edge(EdgeConfig::default().trunk(Side::Pbx, "dscp = { rtp = \"ef\" }"), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(1);
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(1), called)?.succeed()?;
        edge.stop()?;
        let account = witness.finish()?;
        ensure!(account.faults().is_empty() && account.received() == 100, "{:?}", account.faults());
        let marks = |side, way| -> BTreeSet<u8> {
            let packets = account.rtp(side).iter().filter(|packet| packet.crossing == way);
            packets.map(|packet| packet.dscp).collect()
        };
        let sent = Side::BOTH.map(|side| marks(side, Crossing::Departure));
        let arrived = Side::BOTH.map(|side| marks(side, Crossing::Arrival));
        ensure!(sent.iter().all(|marks| !marks.contains(&46)), "SIPp marks nothing so: {sent:?}");
        ensure!(arrived == [sent[1].clone(), BTreeSet::from([46])], "{sent:?} became {arrived:?}");
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn generic_mode_relays_too_and_says_so() -> Result<()> {
    with_edge(EdgeConfig::default().mode("generic"), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(2);
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(2), called)?.succeed()?;
        assert_eq!(edge.counters()?.relayed(), 200);
        assert!(edge.log().contains("mode=generic"), "{}", edge.log());
        edge.stop()?;
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.received(), 200);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn traffic_of_the_host_passes() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        for side in Side::BOTH {
            let peer = lab.peer(side);
            // Without its entry the peer must ask by ARP first.
            peer.ip(&["neighbour", "flush", "dev", PEER_DEVICE])?;
            peer.command("ping", &["-c", "3", "-i", "0.2", "-W", "2", &side.edge_address().to_string()])?;
            large_transfer(lab, side)?;
        }
        assert!(edge.counters()?.pass.values().sum::<u64>() > 0, "XDP has seen it");
        edge.stop()
    })
}

/// What a peer hears of a media port: of one that no call has, of one of a call, and of one whose call has just ended.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_closed_port_is_answered_or_silent_and_one_of_a_call_is_silent() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        for closed_ports in ["drop", "icmp"] {
            ports_of_a_call_and_others(family, closed_ports)?;
        }
    }
    Ok(())
}

fn ports_of_a_call_and_others(family: Family, closed_ports: &str) -> Result<()> {
    const OF_THE_CALL: [u16; 2] = [20_000, 20_001];
    const IDLE: [u16; 2] = [20_002, 20_003];
    let mut config = EdgeConfig::default().media_ports("20000-20003").shards(1).closed_ports(closed_ports);
    if family == Family::V6 {
        config = config.over_ipv6(Side::Carrier).over_ipv6(Side::Pbx);
    }
    with_edge(config, |lab, edge| {
        let at = |port| Knock::at(lab, SocketAddr::new(Side::Carrier.edge(family), port), family);
        let silent = |ports: [u16; 2], reason: &str| -> Result<()> {
            let knocks = [at(ports[0])?, at(ports[1])?];
            let before = edge.counters()?.dropped(reason);
            let counted = || {
                let refused = knocks.iter().any(Knock::is_refused);
                let dropped = edge.counters().map_or(0, |counters| counters.dropped(reason));
                (refused || dropped >= before + 6).then_some(!refused)
            };
            ensure!(wait_until(PATIENCE, counted) == Some(true), "{ports:?} {reason}: {:?}", edge.counters());
            Ok(())
        };
        let called = Sipp::called(Side::Pbx, scenario!("answers")).over(family).seconds(6);
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).over(family).seconds(6);
        let call = start(lab, caller, called)?;
        let flowing = || edge.counters().ok().filter(|counters| counters.relayed() > 0);
        ensure!(wait_until(PATIENCE, flowing).is_some(), "{}", edge.log());
        silent(OF_THE_CALL, "unexpected_source")?;
        call.succeed()?;
        wait_for_cdrs(lab, 1, PATIENCE)?;
        silent(OF_THE_CALL, "no_endpoint")?;
        if closed_ports == "drop" {
            silent(IDLE, "no_endpoint")?;
            return edge.stop();
        }
        for port in IDLE {
            let knock = at(port)?;
            ensure!(wait_until(PATIENCE, || knock.is_refused().then_some(())).is_some(), "{port} is silent");
        }
        // What answers for those would have answered for these by now.
        silent(OF_THE_CALL, "no_endpoint")?;
        ensure!(edge.counters()?.pass.get("closed_port").is_some_and(|packets| *packets >= 2));
        edge.stop()
    })
}

/// A socket of the carrier's that hears what ICMP says of the port it is connected to.
struct Knock {
    socket: UdpSocket,
}

impl Knock {
    fn at(lab: &Lab, port: SocketAddr, family: Family) -> Result<Self> {
        let from = SocketAddr::new(Side::Carrier.peer(family), 0);
        let socket = lab.peer(Side::Carrier).run(|| UdpSocket::bind(from))??;
        socket.connect(port)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Sends well-formed media, or RTCP to an odd port, and tells whether anything sent so far was refused.
    fn is_refused(&self) -> bool {
        let is_rtcp = self.socket.peer_addr().is_ok_and(|port| !port.port().is_multiple_of(2));
        let media = [&[0x80, 8, 0, 1][..], &[0; 168]].concat();
        let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let sent = self.socket.send(if is_rtcp { &report } else { &media }).map(drop);
        let heard = self.socket.recv(&mut [0; 1]).map(drop);
        [sent, heard]
            .into_iter()
            .any(|outcome| outcome.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused))
    }
}

/// A call under a source policy, with every media port sprayed from before its INVITE until after its BYE: by a
/// neighbour of the carrier's, by somebody who claims to be the PBX, and by the sources in `more`.
fn spray_a_call(family: Family, media_source: &str, more: &[SocketAddr]) -> Result<()> {
    let mut config = EdgeConfig::default().media_ports(FEW_PORTS);
    if family == Family::V6 {
        config = config.over_ipv6(Side::Carrier).over_ipv6(Side::Pbx);
    }
    with_edge(config.trunk(Side::Carrier, &format!("media_source = \"{media_source}\"")), |lab, edge| {
        let spoofed = Side::Pbx.peer(family);
        Sprayer::spoof(lab, Side::Carrier, spoofed)?;
        let source = |address: IpAddr| SocketAddr::new(address, CALLER_MEDIA_PORT);
        let sources = [&[source(Side::Carrier.stranger(family)), source(spoofed)], more].concat();
        let witness = Witness::start(lab)?;
        let sprayer = Sprayer::start(lab, Side::Carrier, &sources, SPRAYED_PORTS)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).over(family).seconds(3);
        let caller = caller(Side::Carrier, scenario!("caller-hangs-up")).over(family).seconds(3);
        start(lab, caller, called)?.succeed()?;
        ensure!(sprayer.stop()? > 10, "each port was tried again and again");
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        let counters = edge.counters()?;
        edge.stop()?;
        ensure!(counters.dropped("no_endpoint") > 500, "ports without a call: {counters:?}");
        ensure!(cdrs[0].dropped(Leg::A, "unexpected_source") > 10, "the port of the call: {cdrs:?}");
        ensure!(Leg::BOTH.iter().all(|leg| cdrs[0].packets(*leg) == 150), "{cdrs:?}");
        ensure!(counters.relayed() == 300, "{counters:?}");
        let account = witness.finish()?;
        ensure!(account.received() == 300, "both tones, whole: {:?}", account.streams);
        nothing_moved(&account)
    })
}

/// Nothing of a sprayer arrived, nothing else arrived twice or damaged, and each stream kept one path, which ends at
/// the port that the other peer sends from.
fn nothing_moved(account: &Account) -> Result<()> {
    let (sprayed, streams): (Vec<_>, Vec<_>) =
        account.streams.iter().partition(|stream| stream.ssrc == SPRAYED_SSRC);
    ensure!(!sprayed.is_empty() && sprayed.iter().all(|stream| stream.received == 0), "{sprayed:?}");
    ensure!(account.unmatched.is_empty() && account.wrong_checksums == 0, "{:?}", account.unmatched);
    ensure!(streams.len() == 2 && streams.iter().all(|stream| stream.duplicated == 0), "{streams:?}");
    for stream in &streams {
        let opposite = streams.iter().find(|other| other.from != stream.from).map(|other| other.source);
        let ends: Vec<_> = stream.paths.iter().map(|(_, to)| Some(*to)).collect();
        ensure!(ends == [opposite], "{stream:?}");
    }
    Ok(())
}

/// A megabyte to edge's host and back over TCP.
fn large_transfer(lab: &Lab, side: Side) -> Result<()> {
    let address = SocketAddrV4::new(side.edge_address(), 8022);
    let listener = lab.edge().run(|| TcpListener::bind(address))??;
    let echo = thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut received = vec![0; 1 << 20];
        stream.read_exact(&mut received)?;
        Ok(stream.write_all(&received)?)
    });
    let sent: Vec<u8> = (0..1 << 20).map(|index: u32| index.to_le_bytes()[0]).collect();
    let mut stream = lab.peer(side).run(|| TcpStream::connect_timeout(&address.into(), PATIENCE))??;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&sent)?;
    let mut returned = vec![0; sent.len()];
    stream.read_exact(&mut returned)?;
    assert!(sent == returned, "the bytes come back as they went");
    echo.join().map_err(|_panic| anyhow!("the echo panicked"))?
}
