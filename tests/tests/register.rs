//! A carrier that wants edge to register like a phone, and to prove who it is: Kamailio, which nobody here wrote.

use std::net::SocketAddrV4;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, Pair, caller, number, start};
use edge_tests::edge::{EdgeProcess, ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::kamailio::AGENT_PORT;
use edge_tests::peers::registrar::{PASSWORD, write_password};
use edge_tests::peers::{Kamailio, Registrar, Transport};
use edge_tests::process::wait_until;
use edge_tests::raw::{RawPeer, header, is_response};
use edge_tests::sipp::{CALLED_MEDIA_PORT, CALLER_MEDIA_PORT, CALLER_PORT, SIP_PORT};
use edge_tests::{EdgeConfig, Leg, Sipp, Witness, scenario};
use serde_json::Value;

/// Packets of one stream in a call of a second.
const PACKETS: i64 = 50;

/// Runs `drill` beside a registrar, with edge that knows `password`.
fn beside(
    registrar: Registrar,
    (config, password): (EdgeConfig, &str),
    drill: impl FnOnce(&Lab, EdgeProcess<'_>, &Kamailio) -> Result<()>,
) -> Result<()> {
    Lab::drill(|lab| {
        write_password(lab, password)?;
        let kamailio = registrar.start(lab)?;
        drill(lab, EdgeProcess::start(lab, &config)?, &kamailio).with_context(|| kamailio.log())
    })
}

/// Waits until `edge trunk show` says so of the carrier.
fn wait_until_shown(lab: &Lab, edge: &EdgeProcess<'_>, text: &str) -> Result<()> {
    let shown = || ask(lab, &["trunk", "show", Side::Carrier.name()]).unwrap_or_default();
    let found = wait_until(PATIENCE, || shown().contains(text).then_some(()));
    found.with_context(|| format!("no {text} in {}:\n{}", shown(), edge.log()))
}

const REGISTERED: &str = "\"state\": \"registered\"";

/// A call over the registration, and one to the carrier, at once.
fn call_both_ways(lab: &Lab, kamailio: &Kamailio) -> Result<()> {
    let inwards = caller(Side::Carrier, scenario!("caller-hangs-up")).towards(kamailio.address());
    let inwards = start(lab, inwards, Sipp::called(Side::Pbx, scenario!("answers")))?;
    let outwards = caller(Side::Pbx, scenario!("caller-is-hung-up-on"));
    let outwards = outwards.ports(CALLER_PORT + 10, CALLER_MEDIA_PORT + 100);
    let agent = Sipp::called(Side::Carrier, scenario!("answers-and-hangs-up"));
    let outwards = start(lab, outwards, agent.ports(AGENT_PORT, CALLED_MEDIA_PORT + 100))?;
    [inwards, outwards].into_iter().try_for_each(Pair::succeed)
}

/// The registration has begun to run out again, and again.
fn is_refreshed(lab: &Lab) -> Result<()> {
    let (mut before, mut rises) = (0, 0);
    let refreshed = wait_until(PATIENCE, || {
        let shown: Value =
            serde_json::from_str(&ask(lab, &["trunk", "show", Side::Carrier.name()]).ok()?).ok()?;
        let left = shown["registration"]["expires_in_s"].as_u64()?;
        rises += u32::from(left > before);
        before = left;
        (rises > 2).then_some(())
    });
    refreshed.context("the registration is not refreshed")
}

/// Registers, calls both ways, keeps the registration going while it is short, and says goodbye.
fn lives(algorithm: &'static str, transport: Transport) -> Result<()> {
    let config =
        EdgeConfig::default().registering(Side::Carrier, "expires = \"1h\"").over(Side::Carrier, transport);
    let registrar = Registrar::of(Side::Carrier, algorithm).grants(3);
    beside(registrar, (config, PASSWORD), |lab, edge, kamailio| {
        let witness = Witness::start(lab)?;
        wait_until_shown(lab, &edge, REGISTERED)?;
        call_both_ways(lab, kamailio)?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        for cdr in &cdrs {
            assert_eq!(cdr.cause(), "hangup", "{cdr:?}");
            assert!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) == PACKETS), "{cdr:?}");
        }
        is_refreshed(lab).with_context(|| edge.log())?;
        let list = ask(lab, &["trunk", "list"])?;
        ensure!(list.contains("REGISTERED") && list.contains("registered"), "{list}");
        let log = edge.log();
        edge.stop()?;
        ensure!(!log.contains("registration lost") && !log.contains(PASSWORD), "{log}");
        let account = witness.finish()?;
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        if transport == Transport::Udp {
            let sent = |text: &str| {
                let registers = account.sip(Side::Carrier).iter().filter(|of| of.is_request("REGISTER"));
                registers.filter(|register| register.text.contains(text)).count()
            };
            ensure!(sent(&format!("algorithm={algorithm}")) >= 3, "it is refreshed, with credentials");
            ensure!(sent("\r\nExpires: 0\r\n") >= 1, "it says goodbye");
        }
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_registration_by_md5_has_calls_both_ways_is_refreshed_and_ends_with_the_edge() -> Result<()> {
    lives("MD5", Transport::Udp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_registration_by_sha_256_has_calls_both_ways_is_refreshed_and_ends_with_the_edge() -> Result<()> {
    lives("SHA-256", Transport::Udp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_registration_over_tcp_has_calls_over_its_connection() -> Result<()> {
    lives("SHA-256", Transport::Tcp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_registrar_that_wants_a_longer_interval_has_it() -> Result<()> {
    let config = EdgeConfig::default().registering(Side::Carrier, "expires = \"60s\"");
    beside(Registrar::of(Side::Carrier, "SHA-256").wants(600), (config, PASSWORD), |lab, edge, kamailio| {
        let witness = Witness::start(lab)?;
        wait_until_shown(lab, &edge, REGISTERED)?;
        call_both_ways(lab, kamailio)?;
        wait_for_cdrs(lab, 2, PATIENCE)?;
        edge.stop()?;
        let account = witness.finish()?;
        let heard =
            |text: &str| account.sip(Side::Carrier).iter().filter(|of| of.text.contains(text)).count();
        ensure!(account.faults().is_empty(), "{:?}", account.faults());
        ensure!(heard("SIP/2.0 423 ") <= 1, "it asks for the longer one from then on");
        Ok(())
    })
}

/// The proxy is another host than the registrar, and answers in its name.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn requests_go_to_an_outbound_proxy_with_a_route_and_calls_come_from_there() -> Result<()> {
    let (side, address) = (Side::Carrier, Side::Carrier.stranger_address());
    let proxied = format!("outbound_proxy = \"{address}:{SIP_PORT}\"");
    let config = EdgeConfig::default().registering(side, "expires = \"1h\"").trunk(side, &proxied);
    Lab::drill(|lab| {
        write_password(lab, PASSWORD)?;
        let proxy = RawPeer::bind_to(lab, side, SocketAddrV4::new(address, SIP_PORT))?;
        let edge = EdgeProcess::start(lab, &config)?;
        let is_by_way = |request: &str, method: &str| {
            let to = format!("@{}", side.peer_address());
            let (host, start) = (to.trim_start_matches('@'), request.lines().next().unwrap_or_default());
            let route = header(request, "Route").unwrap_or_default();
            let leads = start.contains(&to) || start.contains(&format!("sip:{host}"));
            ensure!(leads && route.starts_with(&format!("<sip:{address}")), "{method}: {request}");
            Ok(())
        };
        let register = proxy.expect(PATIENCE, |heard| heard.starts_with("REGISTER "))?;
        is_by_way(&register, "REGISTER")?;
        let contact = header(&register, "Contact").context("no Contact")?.to_owned();
        let granted = proxy.answer(&register, "200 OK", None)?;
        let own = granted.lines().find(|line| line.starts_with("Contact:")).context("a Contact")?;
        proxy.send(granted.replace(own, &format!("Contact: {contact}")).as_bytes())?;
        wait_until_shown(lab, &edge, REGISTERED)?;

        let outwards = caller(Side::Pbx, scenario!("caller-is-refused")).key("code", "486");
        let outwards = outwards.key("offer", "audio 7000 RTP/AVP 8").key("map", "a=ptime:20").start(lab)?;
        let invite = proxy.expect(PATIENCE, |heard| heard.starts_with("INVITE "))?;
        is_by_way(&invite, "INVITE")?;
        proxy.send(proxy.answer(&invite, "486 Busy Here", None)?.as_bytes())?;
        proxy.expect(PATIENCE, |heard| heard.starts_with("ACK "))?;
        outwards.wait_for_success(PATIENCE)?;

        // For the Contact, as a registrar asks.
        let pbx = RawPeer::bind(lab, Side::Pbx, SIP_PORT)?;
        let inwards = proxy.invite("inwards", number(side), 7000);
        let to = contact.trim_start_matches('<').split('>').next().unwrap_or_default();
        let asked = inwards.split(' ').nth(1).context("a Request-URI")?;
        proxy.send(inwards.replacen(asked, to, 1).as_bytes())?;
        let invite = pbx.expect(PATIENCE, |heard| heard.starts_with("INVITE "))?;
        pbx.send(pbx.answer(&invite, "486 Busy Here", None)?.as_bytes())?;
        proxy.expect(PATIENCE, |heard| is_response(heard, 486, "INVITE"))?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        assert_eq!([cdrs[0].trunk(Leg::B), cdrs[1].trunk(Leg::A)], [side.name(); 2], "{cdrs:?}");
        edge.kill()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_wrong_password_is_said_and_the_right_one_counts_after_a_reload() -> Result<()> {
    let config = EdgeConfig::default().registering(Side::Carrier, "retry = \"1h\", retry_max = \"1h\"");
    let toml = |lab: &Lab| config.toml(lab);
    beside(Registrar::of(Side::Carrier, "MD5"), (config.clone(), "wrong"), |lab, edge, _| {
        edge.wait_for_log("not registered: the registrar answers 401", PATIENCE)?;
        wait_until_shown(lab, &edge, "user name or password are wrong")?;
        ensure!(!edge.log().contains("wrong\n"), "the password is not said: {}", edge.log());
        write_password(lab, PASSWORD)?;
        edge.reload(&toml(lab))?;
        wait_until_shown(lab, &edge, REGISTERED)?;
        edge.stop()
    })
}
