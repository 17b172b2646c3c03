//! Trunks that are names, with dnsmasq as DNS: where calls go, and what becomes of them when a place is dead, moves, or is
//! nowhere (RFC 3263). And what is too long for a datagram.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use anyhow::{Context, Result, ensure};
use edge_tests::dns::{DNS_ADDRESS, DnsServer};
use edge_tests::drill::{PATIENCE, caller, number, refused, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::raw::{Dialog, RawPeer, header, is_response};
use edge_tests::{EdgeConfig, EdgeProcess, Sipp, scenario};

/// Where the PBX is, and an address of its network where nobody answers.
const LIVE: Ipv4Addr = Side::Pbx.peer_address();
const DEAD: Ipv4Addr = Side::Pbx.stranger_address();

/// The PBX is this name, and `server` knows it.
fn named(name: &str, server: Ipv4Addr) -> EdgeConfig {
    let config = EdgeConfig::default().named(Side::Pbx, name);
    config.section(&format!("[dns]\nservers = [\"{server}\"]")).section("[timers]\ntry_next = \"1s\"")
}

/// One call of the carrier's that the PBX takes at `address`.
fn call(lab: &Lab, address: Ipv4Addr) -> Result<()> {
    let pbx = Sipp::called(Side::Pbx, scenario!("answers-in-silence")).from_address(address).seconds(1);
    start(lab, caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).seconds(1), pbx)?.succeed()
}

/// Where the PBX was reached in the last call.
fn reached(lab: &Lab, calls: usize) -> Result<String> {
    let cdrs = wait_for_cdrs(lab, calls, PATIENCE)?;
    Ok(cdrs.last().context("a record")?.text("/b/signalling").to_owned())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_dead_target_is_passed_over_for_the_next_one() -> Result<()> {
    Lab::drill(|lab| {
        let records = [
            "naptr-record=pbx.example,10,10,s,SIP+D2U,,_sip._udp.pbx.example",
            "srv-host=_sip._udp.pbx.example,dead.example,5060,10,1",
            "srv-host=_sip._udp.pbx.example,live.example,5060,20,1",
        ];
        let _dns = DnsServer::start(lab, &records, &[("dead.example", DEAD), ("live.example", LIVE)])?;
        let edge = EdgeProcess::start(lab, &named("pbx.example", DNS_ADDRESS))?;
        for calls in 1..=2 {
            call(lab, LIVE)?;
            assert_eq!(reached(lab, calls)?, format!("{LIVE}:5060"));
        }
        assert_eq!(edge.log().matches("next target").count(), 1, "the second call knows:\n{}", edge.log());
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_target_that_says_that_nobody_listens_is_passed_over_at_once() -> Result<()> {
    Lab::drill(|lab| {
        let records = [
            "srv-host=_sip._udp.pbx.example,dead.example,5060,10,1",
            "srv-host=_sip._udp.pbx.example,live.example,5060,20,1",
        ];
        let _dns = DnsServer::start(lab, &records, &[("dead.example", DEAD), ("live.example", LIVE)])?;
        let name = EdgeConfig::default().named(Side::Pbx, "pbx.example");
        let config = name.section(&format!("[dns]\nservers = [\"{DNS_ADDRESS}\"]"));
        // Silence alone would cost the call: nobody waits for the next target for so long.
        let config = config.section("[timers]\ntry_next = \"10s\"\nanswer_max = \"5s\"");
        let edge = EdgeProcess::start(lab, &config)?;
        call(lab, LIVE)?;
        assert_eq!(reached(lab, 1)?, format!("{LIVE}:5060"));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_moves_with_its_record() -> Result<()> {
    Lab::drill(|lab| {
        let dns = DnsServer::start(lab, &[], &[("pbx.example", DEAD)])?;
        let edge = EdgeProcess::start(lab, &named("pbx.example", DNS_ADDRESS))?;
        call(lab, DEAD)?;
        assert_eq!(reached(lab, 1)?, format!("{DEAD}:5060"));
        dns.move_hosts(&[("pbx.example", LIVE)])?;
        edge.wait_for_log(&format!("{LIVE}:5060"), PATIENCE)?;
        call(lab, LIVE)?;
        assert_eq!(reached(lab, 2)?, format!("{LIVE}:5060"));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_to_a_name_that_is_nowhere_are_refused_at_once() -> Result<()> {
    Lab::drill(|lab| {
        let _dns = DnsServer::start(lab, &[], &[("pbx.example", LIVE)])?;
        let edge = EdgeProcess::start(lab, &named("nowhere.example", DNS_ADDRESS))?;
        edge.wait_for_log("calls to this name fail", PATIENCE)?;
        is_unresolved(lab)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn edge_starts_without_dns_and_says_so() -> Result<()> {
    Lab::drill(|lab| {
        let silent = SocketAddrV4::new(DNS_ADDRESS, 53);
        let _silent = lab.edge().run(|| UdpSocket::bind(silent))??;
        let edge = EdgeProcess::start(lab, &named("pbx.example", DNS_ADDRESS))?;
        edge.wait_for_log("calls to this name fail until DNS answers", PATIENCE)?;
        is_unresolved(lab)?;
        edge.stop()
    })
}

fn is_unresolved(lab: &Lab) -> Result<()> {
    refused(Side::Carrier, 503).start(lab)?.wait_for_success(PATIENCE)?;
    let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
    assert_eq!(cdrs[0].cause(), "unresolved", "{:?}", cdrs[0]);
    Ok(())
}

/// The second PBX takes no connection.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_long_invite_goes_over_tcp_where_it_is_taken_there() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let carrier = RawPeer::bind(lab, Side::Carrier, 5060)?;
        let pbx = || Sipp::called(Side::Pbx, scenario!("answers-in-silence"));
        // The number of the BYE is in its branch, too, which has to be another one for each call.
        for (bye, name, pbx) in [(2, "over tcp", pbx().over_tcp()), (3, "over udp", pbx())] {
            let pbx = pbx.start(lab)?;
            carrier.send(
                lengthened(&carrier.invite(&format!("call-{bye}"), number(Side::Carrier), 7000))?.as_bytes(),
            )?;
            let ok = carrier.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
            let dialog = Dialog::of_caller(&ok)?;
            carrier.send(carrier.within(&dialog, "ACK", 1, None).as_bytes())?;
            carrier.send(carrier.within(&dialog, "BYE", bye, None).as_bytes())?;
            carrier.expect(PATIENCE, |message| is_response(message, 200, "BYE"))?;
            pbx.wait_for_success(PATIENCE).context(name)?;
        }
        wait_for_cdrs(lab, 2, PATIENCE)?;
        assert_eq!(edge.log().matches("next target").count(), 1, "{}", edge.log());
        edge.stop()
    })
}

/// The same INVITE with an offer of so many codecs that it needs more than a datagram may have.
fn lengthened(invite: &str) -> Result<String> {
    let (head, body) = invite.split_once("\r\n\r\n").context("an INVITE with a body")?;
    let codecs = 96..127;
    let numbers: String = codecs.clone().map(|codec| format!(" {codec}")).collect();
    let maps: String = codecs.map(|codec| format!("a=rtpmap:{codec} speech-{codec}/16000/1\r\n")).collect();
    let body = format!("{}{maps}", body.replace("RTP/AVP 8\r\n", &format!("RTP/AVP 8{numbers}\r\n")));
    let length = header(invite, "Content-Length").context("a length")?;
    let head = head.replace(&format!("Content-Length: {length}"), &format!("Content-Length: {}", body.len()));
    let message = format!("{head}\r\n\r\n{body}");
    ensure!(message.len() > 1300, "it is not long");
    Ok(message)
}
