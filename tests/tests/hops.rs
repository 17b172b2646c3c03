//! Where media goes when routes and neighbours change under it, and RTCP with a hop of its own when edge is killed.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_ebpf::testing::{rtcp, rtp};
use edge_tests::drill::{PATIENCE, caller, start, with_edge};
use edge_tests::edge::ask;
use edge_tests::lab::{Family, Lab, PEER_DEVICE, Side};
use edge_tests::process::wait_until;
use edge_tests::sipp::script::Script;
use edge_tests::{EdgeConfig, EdgeProcess, Sipp};
use serde_json::Value;

/// Where the PBX has its media: behind two hops, both of which are the PBX itself.
const MEDIA: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
const MEDIA_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x77);
const SECOND_HOP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 30);
const SECOND_DEVICE: &str = "second";
const MEDIA_PORT: u16 = 7400;
const EDGE_PORT: u16 = 20_000;
/// Between two packets: a veth's ring holds 256 of them, and the rate is that of a G.711 stream.
const SPACING: Duration = Duration::from_millis(10);
/// Time-outs of a socket, one after the other, that are longer than any packet is under way.
const SILENT_LOOKS: u32 = 250;
/// Packets by the new hop that are enough to believe it.
const ENOUGH: u64 = 20;
/// Packets that are sent while nobody answers at the new hop.
const UNANSWERED: u32 = 50;
/// Where the PBX is after its link was down.
const SECOND_STATION: &str = "02:00:00:00:00:77";
/// Where the PBX has its RTCP in the other drill, at another of its addresses.
const MONITOR_PORT: u16 = 7411;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_running_call_follows_its_route_to_who_answers_there_and_loses_nothing() -> Result<()> {
    with_edge(EdgeConfig::default().media_ports("20000-20007").shards(1), |lab, edge| {
        two_hops(lab)?;
        lead_by(lab, Side::Pbx.peer_address())?;
        let near = bound(lab, Side::Carrier, Side::Carrier.peer_address(), MEDIA_PORT)?;
        let far = bound(lab, Side::Pbx, MEDIA, MEDIA_PORT)?;
        let pair = start(
            lab,
            caller(Side::Carrier, calling(Family::V4)),
            Sipp::called(Side::Pbx, called(&description(&MEDIA.to_string()))),
        )?;
        // Media before the call is there is nobody's.
        let first = wait_until(PATIENCE, || {
            send(&near, 0).ok()?;
            received(&far)
        });
        first.context("media does not cross")?;
        let before = by_second_hop(lab)?;
        loses_nothing(&edge, &near, &far, || {
            lead_by(lab, SECOND_HOP)?;
            is_asked_for(lab)?;
            // Nobody answers there: everything goes on as it was.
            thread::sleep(SPACING * UNANSWERED);
            answer_at_second_hop(lab)?;
            let moved = wait_until(PATIENCE, || (by_second_hop(lab).ok()? >= before + ENOUGH).then_some(()));
            moved.context("media does not go by the new hop")
        })?;
        edge.stop()?;
        pair.succeed()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn rtcp_at_another_address_outlives_kill_9_and_is_gone_on_with() -> Result<()> {
    with_edge(EdgeConfig::default().media_ports("20000-20007").shards(1), |lab, edge| {
        let (pbx, monitor) = (Side::Pbx.peer_address(), Side::Pbx.stranger_address());
        let near = bound(lab, Side::Carrier, Side::Carrier.peer_address(), MEDIA_PORT + 1)?;
        let far = bound(lab, Side::Pbx, monitor, MONITOR_PORT)?;
        let answer = format!("{}\na=rtcp:{MONITOR_PORT} IN IP4 {monitor}", description(&pbx.to_string()));
        let pair =
            start(lab, caller(Side::Carrier, calling(Family::V4)), Sipp::called(Side::Pbx, called(&answer)))?;
        let crosses = |when: &str| {
            report_crosses(&near, Side::Carrier, &far).with_context(|| format!("to the monitor {when}"))?;
            report_crosses(&far, Side::Pbx, &near).with_context(|| format!("from the monitor {when}"))
        };
        crosses("at first")?;
        edge.wait_for_count("journal_written", 1, PATIENCE)?;
        edge.kill()?;
        crosses("with nobody at home")?;
        let edge = EdgeProcess::start_again(lab)?;
        edge.wait_for_count("calls_adopted", 1, PATIENCE)?;
        crosses("after a restart")?;
        edge.stop()?;
        pair.succeed()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_route_that_comes_and_goes_within_a_second_costs_no_packet() -> Result<()> {
    with_edge(EdgeConfig::default().media_ports("20000-20007").shards(1), |lab, edge| {
        lab.peer(Side::Pbx).ip(&["address", "add", &format!("{MEDIA}/32"), "dev", "lo"])?;
        lead_by(lab, Side::Pbx.peer_address())?;
        let near = bound(lab, Side::Carrier, Side::Carrier.peer_address(), MEDIA_PORT)?;
        let far = bound(lab, Side::Pbx, MEDIA, MEDIA_PORT)?;
        let answer = description(&MEDIA.to_string());
        let pair =
            start(lab, caller(Side::Carrier, calling(Family::V4)), Sipp::called(Side::Pbx, called(&answer)))?;
        crosses(&near, Side::Carrier, &far).context("at first")?;
        // One program does both, so that nothing keeps the route away for longer.
        let file = lab.directory().join("flap");
        let route = format!("{MEDIA}/32 via {} dev inside", Side::Pbx.peer_address());
        std::fs::write(&file, format!("route del {route}\nroute add {route}\n"))?;
        loses_nothing(&edge, &near, &far, || {
            (0..5).try_for_each(|_| {
                lab.edge().ip(&["-batch", &file.display().to_string()])?;
                thread::sleep(SPACING * UNANSWERED);
                Ok(())
            })
        })?;
        edge.stop()?;
        pair.succeed()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_whose_route_is_withdrawn_goes_nowhere_and_goes_on_when_it_is_back() -> Result<()> {
    withdrawn(Family::V4, MEDIA.into())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn over_ipv6_media_whose_route_is_withdrawn_goes_nowhere_and_goes_on_when_it_is_back() -> Result<()> {
    withdrawn(Family::V6, MEDIA_V6.into())
}

/// The route to the PBX's media vanishes, becomes a blackhole, and leads into the carrier's network, each time for a while in which the
/// edge is killed.
fn withdrawn(family: Family, media: IpAddr) -> Result<()> {
    let mut config = EdgeConfig::default().media_ports("20000-20007").shards(1);
    if family == Family::V6 {
        config = config.over_ipv6(Side::Carrier).over_ipv6(Side::Pbx);
    }
    with_edge(config, |lab, edge| {
        let mut edge = edge;
        let to = format!("{media}/{}", if media.is_ipv6() { 128 } else { 32 });
        lab.peer(Side::Pbx).ip(&["address", "add", &to, "dev", "lo"])?;
        let by = |side: Side| format!("{to} via {} dev {}", side.peer(family), side.edge_device());
        let route = |order: &str, route: &str| {
            lab.edge().ip(&[&["route", order], &route.split(' ').collect::<Vec<_>>()[..]].concat())
        };
        route("add", &by(Side::Pbx))?;
        let near = bound(lab, Side::Carrier, Side::Carrier.peer(family), MEDIA_PORT)?;
        let far = bound(lab, Side::Pbx, media, MEDIA_PORT)?;
        let callee = Sipp::called(Side::Pbx, called(&description(&media.to_string()))).over(family);
        let pair = start(lab, caller(Side::Carrier, calling(family)).over(family), callee)?;
        crosses(&near, Side::Carrier, &far).context("to the PBX at first")?;
        crosses(&far, Side::Pbx, &near).context("from the PBX at first")?;

        for instead in [None, Some(format!("blackhole {to}")), Some(by(Side::Carrier))] {
            route("del", &by(Side::Pbx))?;
            instead.iter().try_for_each(|instead| route("add", instead))?;
            is_dropped(&edge, &near, "no_next_hop").with_context(|| format!("{instead:?}"))?;
            let before = edge.counters()?.dropped("no_next_hop");
            while received(&far).is_some() {}
            speak(&near, UNANSWERED)?;
            let all = || {
                (edge.counters().ok()?.dropped("no_next_hop") >= before + u64::from(UNANSWERED)).then_some(())
            };
            let counted = wait_until(PATIENCE, all);
            counted.with_context(|| format!("{UNANSWERED} more packets: {:?}", edge.counters()))?;
            ensure!(received(&far).is_none(), "what is dropped does not cross: {instead:?}");
            explained(lab, &format!("on the way to {media}: no route to the other leg's address"))?;
            edge.kill()?;
            edge = EdgeProcess::start_again(lab)?;
            edge.wait_for_count("calls_adopted", 1, PATIENCE).with_context(|| format!("{instead:?}"))?;
            crosses(&far, Side::Pbx, &near).context("from the PBX with no route to it")?;

            instead.iter().try_for_each(|instead| route("del", instead))?;
            route("add", &by(Side::Pbx))?;
            crosses(&near, Side::Carrier, &far).context("to the PBX with its route back")?;
        }
        edge.stop()?;
        pair.succeed()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_to_a_neighbour_that_vanishes_goes_on_when_it_is_back_at_another_station() -> Result<()> {
    with_edge(EdgeConfig::default().media_ports("20000-20007").shards(1), |lab, edge| {
        let address = Side::Pbx.peer_address();
        let near = bound(lab, Side::Carrier, Side::Carrier.peer_address(), MEDIA_PORT)?;
        let far = bound(lab, Side::Pbx, address, MEDIA_PORT)?;
        let answer = description(&address.to_string());
        let pair =
            start(lab, caller(Side::Carrier, calling(Family::V4)), Sipp::called(Side::Pbx, called(&answer)))?;
        crosses(&near, Side::Carrier, &far).context("at first")?;

        let pbx = lab.peer(Side::Pbx);
        pbx.ip(&["link", "set", PEER_DEVICE, "down"])?;
        is_dropped(&edge, &near, "next_hop_unresolved")?;
        explained(lab, &format!("on the way to {address}: the next hop does not answer ARP"))?;

        pbx.ip(&["link", "set", PEER_DEVICE, "address", SECOND_STATION])?;
        pbx.ip(&["link", "set", PEER_DEVICE, "up"])?;
        crosses(&near, Side::Carrier, &far).context("to the other station")?;
        crosses(&far, Side::Pbx, &near).context("from the other station")?;
        edge.stop()?;
        pair.succeed()
    })
}

/// RTP of one side, sent again and again, arrives at the other.
fn crosses(one: &UdpSocket, side: Side, other: &UdpSocket) -> Result<()> {
    while received(other).is_some() {}
    let arrived = wait_until(PATIENCE, || {
        one.send_to(&rtp(1, 160, 7, 160), edge_of(one, side)).ok()?;
        received(other)
    });
    arrived.map(drop).context("media never arrives")
}

/// So many packets of the carrier, no more at once than its codec needs.
fn speak(near: &UdpSocket, packets: u32) -> Result<()> {
    (0..packets).try_for_each(|_| {
        thread::sleep(SPACING);
        send(near, 1)
    })
}

/// Media of the carrier, sent again and again, is dropped for `reason`.
fn is_dropped(edge: &EdgeProcess<'_>, near: &UdpSocket, reason: &str) -> Result<()> {
    let enough = edge.counters()?.dropped(reason) + ENOUGH;
    let dropped = wait_until(PATIENCE, || {
        speak(near, 5).ok()?;
        (edge.counters().ok()?.dropped(reason) >= enough).then_some(())
    });
    dropped.with_context(|| format!("nothing is dropped as {reason}: {:?}", edge.counters()))
}

/// What `edge call explain` says of the one call that stands.
fn explained(lab: &Lab, what: &str) -> Result<()> {
    let calls: Vec<Value> = serde_json::from_str(&ask(lab, &["call", "list", "--json"])?)?;
    let id = calls.first().and_then(|call| call["id"].as_str()).context("no call stands")?;
    let said =
        wait_until(PATIENCE, || ask(lab, &["call", "explain", id]).ok().filter(|said| said.contains(what)));
    said.map(drop).with_context(|| format!("{what:?} is not said: {:?}", ask(lab, &["call", "explain", id])))
}

/// RTCP of one side, sent again and again, arrives at the other.
fn report_crosses(one: &UdpSocket, side: Side, other: &UdpSocket) -> Result<()> {
    let report = rtcp(9);
    while other.recv(&mut [0; 64]).is_ok() {}
    let arrived = wait_until(PATIENCE, || {
        one.send_to(&report, (side.edge_address(), EDGE_PORT + 1)).ok()?;
        let mut received = [0; 64];
        let length = other.recv(&mut received).ok()?;
        (received[..length] == report[..]).then_some(())
    });
    arrived.context("a report never arrives")
}

/// Edge has asked who the second hop is.
fn is_asked_for(lab: &Lab) -> Result<()> {
    let asked = wait_until(PATIENCE, || {
        let known = lab.edge().command("ip", &["neighbour", "show", &SECOND_HOP.to_string()]).ok()?;
        (!known.trim().is_empty()).then_some(())
    });
    asked.context("nobody asks for the new hop")
}

fn answer_at_second_hop(lab: &Lab) -> Result<()> {
    lab.peer(Side::Pbx).ip(&["address", "add", &format!("{SECOND_HOP}/32"), "dev", SECOND_DEVICE])
}

/// Gives the PBX a second station on its link, which does not answer yet, and media behind both.
fn two_hops(lab: &Lab) -> Result<()> {
    let pbx = lab.peer(Side::Pbx);
    // Each station answers for its own address only.
    pbx.sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
    pbx.ip(&["link", "add", SECOND_DEVICE, "link", PEER_DEVICE, "type", "macvlan", "mode", "bridge"])?;
    pbx.ip(&["link", "set", SECOND_DEVICE, "up"])?;
    pbx.ip(&["address", "add", &format!("{MEDIA}/32"), "dev", "lo"])
}

fn lead_by(lab: &Lab, hop: Ipv4Addr) -> Result<()> {
    lab.edge().ip(&["route", "replace", &format!("{MEDIA}/32"), "via", &hop.to_string(), "dev", "inside"])
}

/// Packets that the second station has taken in.
fn by_second_hop(lab: &Lab) -> Result<u64> {
    let shown = lab.peer(Side::Pbx).command("ip", &["-s", "link", "show", "dev", SECOND_DEVICE])?;
    let counts = shown.lines().skip_while(|line| !line.trim_start().starts_with("RX:")).nth(1);
    let packets = counts.and_then(|counts| counts.split_whitespace().nth(1));
    packets.and_then(|packets| packets.parse().ok()).with_context(|| shown.clone())
}

/// Where edge takes the media of `side`, in the family of a socket.
fn edge_of(socket: &UdpSocket, side: Side) -> SocketAddr {
    let is_ipv6 = socket.local_addr().is_ok_and(|address| address.is_ipv6());
    SocketAddr::new(side.edge(if is_ipv6 { Family::V6 } else { Family::V4 }), EDGE_PORT)
}

fn bound(lab: &Lab, side: Side, address: impl Into<IpAddr>, port: u16) -> Result<UdpSocket> {
    let address = SocketAddr::new(address.into(), port);
    let socket = lab.peer(side).run(|| UdpSocket::bind(address))??;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    Ok(socket)
}

fn send(near: &UdpSocket, sequence: u16) -> Result<()> {
    let packet = rtp(sequence, u32::from(sequence) * 160, 7, 160);
    near.send_to(&packet, edge_of(near, Side::Carrier))?;
    Ok(())
}

/// The carrier speaks while something is done, and every packet of it arrives.
fn loses_nothing(
    edge: &EdgeProcess<'_>,
    near: &UdpSocket,
    far: &UdpSocket,
    does: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (done, last) = (AtomicBool::new(false), AtomicU32::new(u32::MAX));
    let (sent, heard) = thread::scope(|scope| -> Result<_> {
        let sender = scope.spawn(|| stream(near, &done));
        let listener = scope.spawn(|| listen(far, &last));
        let outcome = does();
        done.store(true, Ordering::Relaxed);
        let sent = sender.join().map_err(|_panic| anyhow::anyhow!("the sender panicked"))?;
        last.store(sent.into(), Ordering::Relaxed);
        let heard = listener.join().map_err(|_panic| anyhow::anyhow!("the listener panicked"))?;
        outcome.map(|()| (sent, heard))
    })?;
    let lost: Vec<u16> = (1..=sent).filter(|sequence| !heard.contains(sequence)).collect();
    ensure!(lost.is_empty(), "of {sent} packets {lost:?} are lost: {:?}", edge.counters()?);
    Ok(())
}

/// Packets from number 1 on until it is `done`; returns the last number.
fn stream(near: &UdpSocket, done: &AtomicBool) -> u16 {
    let mut sequence = 0;
    while !done.load(Ordering::Relaxed) && sequence < u16::MAX {
        sequence += 1;
        if send(near, sequence).is_err() {
            break;
        }
        thread::sleep(SPACING);
    }
    sequence
}

/// The number of the next packet.
fn received(far: &UdpSocket) -> Option<u16> {
    let mut packet = [0; 256];
    let length = far.recv(&mut packet).ok()?;
    (length == 172).then(|| u16::from_be_bytes([packet[2], packet[3]]))
}

/// Hears until the last packet has come, or nothing comes for long after it was sent.
fn listen(far: &UdpSocket, last: &AtomicU32) -> HashSet<u16> {
    let (mut heard, mut silent) = (HashSet::new(), 0);
    loop {
        let next = received(far);
        silent += u32::from(next.is_none());
        heard.extend(next);
        let last = last.load(Ordering::Relaxed);
        let whole = || (1..=last).all(|sequence| heard.contains(&(sequence as u16)));
        match last {
            u32::MAX => silent = 0,
            _ if silent > SILENT_LOOKS || whole() => return heard,
            _ => {}
        }
    }
}

fn description(address: &str) -> String {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    description_in(family, address)
}

fn description_in(family: &str, address: &str) -> String {
    format!(
        "v=0\no=script 1 1 IN {family} {address}\ns=-\nc=IN {family} {address}\nt=0 0\nm=audio {MEDIA_PORT} RTP/AVP 8"
    )
}

fn calling(family: Family) -> edge_tests::sipp::Scenario {
    let family = if family == Family::V6 { "IP6" } else { "IP4" };
    let offer = description_in(family, "[media_ip]");
    let script = Script::caller("calls and is hung up on").asks("INVITE", &[], &offer);
    let script = script.may_hear(100).may_hear(180).hears(200, &[]).acknowledges("");
    script.is_asked("BYE", &[]).answers("200 OK", &[], "").scenario()
}

fn called(answer: &str) -> edge_tests::sipp::Scenario {
    let script = Script::called("answers and is hung up on").is_asked("INVITE", &[]);
    let script = script.answers("200 OK", &[], answer).is_asked("ACK", &[]);
    script.is_asked("BYE", &[]).answers("200 OK", &[], "").scenario()
}
