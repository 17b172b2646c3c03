//! A PBX that comes from wherever it is, and proves by a password who it is, to peers that nobody here wrote.

use std::net::SocketAddrV4;

use anyhow::{Context, Result, ensure};
use edge_core::digest::{Authorization, Challenge, Login, Proof, Protection, Secret};
use edge_tests::drill::{PATIENCE, caller, number, refused, start};
use edge_tests::edge::{EdgeProcess, ask, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::peers::kamailio::AGENT_PORT;
use edge_tests::peers::registrar::{PASSWORD, USER, write_password};
use edge_tests::peers::{Baresip, Pjsua2, Registering, Transport};
use edge_tests::process::wait_until;
use edge_tests::raw::{RawPeer, header, is_response};
use edge_tests::sipp::{CALLED_MEDIA_PORT, CALLER_MEDIA_PORT, CALLER_PORT, RunningSipp, SIP_PORT};
use edge_tests::{EdgeConfig, Leg, Sipp, scenario};

/// Runs `drill` with edge, whose PBX comes from anywhere.
fn visited(
    config: EdgeConfig,
    lines: &str,
    drill: impl FnOnce(&Lab, EdgeProcess<'_>) -> Result<()>,
) -> Result<()> {
    Lab::drill(|lab| {
        write_password(lab, PASSWORD)?;
        drill(lab, EdgeProcess::start(lab, &config.visiting(Side::Pbx, lines))?)
    })
}

/// A caller at an address that no trunk has.
fn visitor(password: &str) -> Sipp {
    let caller = caller(Side::Pbx, scenario!("caller-proves-itself"));
    caller.from_address(Side::Pbx.stranger_address()).proving(USER, password)
}

/// A call from anywhere, with SIPp's own digest.
fn calls(algorithm: &str, over: impl FnOnce(Sipp) -> Sipp) -> Result<()> {
    let lines = format!("host = \"10.0.0.20\"\nauth_algorithms = [\"{algorithm}\"]");
    visited(EdgeConfig::default(), &lines, |lab, edge| {
        let called = Sipp::called(Side::Carrier, scenario!("answers")).calls(3);
        start(lab, over(visitor(PASSWORD)).calls(3), called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 3, PATIENCE)?;
        for cdr in &cdrs {
            assert_eq!(cdr.cause(), "hangup", "{cdr:?}");
            assert!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) > 0), "{cdr:?}");
        }
        counted(&edge, "challenges", 3)?;
        ensure!(edge.log().contains("has proven itself"), "{}", edge.log());
        ensure!(!edge.log().contains(PASSWORD), "{}", edge.log());
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_from_anywhere_prove_themselves_by_md5() -> Result<()> {
    calls("MD5", |sipp| sipp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_over_a_connection_prove_themselves() -> Result<()> {
    calls("MD5", Sipp::over_tcp)
}

/// The lines of a PBX that registers.
fn registering(algorithm: &str) -> String {
    format!("registrar = true\nnat = true\nauth_algorithms = [\"{algorithm}\"]")
}

/// Waits until `edge trunk show` says so of the PBX.
fn wait_until_shown(lab: &Lab, edge: &EdgeProcess<'_>, text: &str) -> Result<()> {
    let shown = || ask(lab, &["trunk", "show", Side::Pbx.name()]).unwrap_or_default();
    let found = wait_until(PATIENCE, || shown().contains(text).then_some(()));
    found.with_context(|| format!("no {text} in {}:\n{}", shown(), edge.log()))
}

/// A call to the PBX, which says `agent` of what becomes of it.
fn call_in(lab: &Lab) -> Result<RunningSipp> {
    caller(Side::Carrier, scenario!("caller-hangs-up")).start(lab)
}

/// PJSUA2 registers, calls, and is called.
fn registers(algorithm: &str, transport: Transport) -> Result<()> {
    visited(EdgeConfig::default(), &registering(algorithm), |lab, edge| {
        let mut pbx = Pjsua2::start_registered(lab, Side::Pbx, transport)?;
        wait_until_shown(lab, &edge, "\"contact\": \"sip:acct42@10.0.0.20")?;
        let caller = call_in(lab)?;
        pbx.is_confirmed()?;
        pbx.hears_a_tone(20)?;
        caller.wait_for_success(PATIENCE)?;
        pbx.has_ended()?;
        let called = Sipp::called(Side::Carrier, scenario!("answers")).start(lab)?;
        pbx.call()?;
        pbx.is_confirmed()?;
        pbx.hears_a_tone(20)?;
        pbx.hang_up()?;
        pbx.has_ended()?;
        called.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        for cdr in &cdrs {
            assert_eq!(cdr.cause(), "hangup", "{cdr:?}");
            assert!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) > 0), "{cdr:?}");
        }
        let list = ask(lab, &["trunk", "list"])?;
        ensure!(list.contains(USER), "{list}");
        counted(&edge, "registrations", 1)?;
        ensure!(edge.counters()?.sip("proofs_refused") == 0, "{:?}", edge.counters());
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_pbx_registers_by_md5_calls_and_is_called() -> Result<()> {
    registers("MD5", Transport::Udp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_pbx_registers_by_sha_256_calls_and_is_called() -> Result<()> {
    registers("SHA-256", Transport::Udp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_pbx_that_registers_over_tcp_is_called_over_its_connection() -> Result<()> {
    registers("SHA-256", Transport::Tcp)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn another_pbx_registers_and_is_called() -> Result<()> {
    visited(EdgeConfig::default(), &registering("MD5"), |lab, edge| {
        let mut pbx = Baresip::start_registered(lab, Side::Pbx, Transport::Udp)?;
        let caller = call_in(lab)?;
        pbx.is_established()?;
        caller.wait_for_success(PATIENCE)?;
        pbx.has_ended()?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_proxy_registers_is_called_at_its_contact_and_proves_itself_when_it_calls() -> Result<()> {
    let lines = "registrar = true\nauth_realm = \"edge.example\"\nauth_algorithms = [\"MD5\"]";
    visited(EdgeConfig::default(), lines, |lab, edge| {
        let kamailio = Registering::of(Side::Pbx, "edge.example").start(lab)?;
        wait_until_shown(lab, &edge, "\"contact\": \"sip:line-1@10.0.0.20")
            .with_context(|| kamailio.log())?;
        let agent = Sipp::called(Side::Pbx, scenario!("answers")).ports(AGENT_PORT, CALLED_MEDIA_PORT);
        let inwards = start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")), agent)?;
        let outwards = caller(Side::Pbx, scenario!("caller-hangs-up")).towards(kamailio.address());
        let outwards = outwards.ports(CALLER_PORT + 10, CALLER_MEDIA_PORT + 100);
        let carrier =
            Sipp::called(Side::Carrier, scenario!("answers")).ports(SIP_PORT, CALLED_MEDIA_PORT + 100);
        let outwards = start(lab, outwards, carrier)?;
        inwards.succeed().and_then(|()| outwards.succeed()).with_context(|| kamailio.log())?;
        let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
        for cdr in &cdrs {
            assert_eq!(cdr.cause(), "hangup", "{cdr:?}");
            assert!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) > 0), "{cdr:?}");
        }
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_restart_keeps_where_a_pbx_is_and_one_that_is_not_there_is_unavailable() -> Result<()> {
    visited(EdgeConfig::default(), &registering("MD5"), |lab, edge| {
        refused(Side::Carrier, 480).start(lab)?.wait_for_success(PATIENCE)?;
        let mut pbx = Pjsua2::start_registered(lab, Side::Pbx, Transport::Udp)?;
        let kept = lab.directory().join("state/lab/registrations.json");
        wait_until(PATIENCE, || kept.exists().then_some(())).context("nothing is kept")?;
        edge.kill()?;
        let edge = EdgeProcess::start_again(lab)?;
        wait_until_shown(lab, &edge, "\"contact\": \"sip:acct42@10.0.0.20")?;
        ensure!(edge.counters()?.sip("registrations") == 0, "it has not registered again");
        let caller = call_in(lab)?;
        pbx.is_confirmed()?;
        caller.wait_for_success(PATIENCE)?;
        pbx.has_ended()?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn where_strangers_are_dropped_a_pbx_proves_itself_from_where_it_may_come() -> Result<()> {
    let config = |sources: &str| {
        let config = EdgeConfig::default().section("[shield]\nunknown = \"drop\"");
        config.visiting(Side::Pbx, &format!("{}\nsources = [{sources}]", registering("MD5")))
    };
    Lab::drill(|lab| {
        write_password(lab, PASSWORD)?;
        let edge = EdgeProcess::start(lab, &config("\"10.0.0.66\""))?;
        let dropped = |side: Side, address| -> Result<()> {
            let before = edge.counters()?.shield.dropped("unknown");
            let peer = RawPeer::bind_to(lab, side, SocketAddrV4::new(address, 5098))?;
            peer.send(peer.invite("unknown", number(side), 7100).as_bytes())?;
            let seen = || edge.counters().ok().filter(|of| of.shield.dropped("unknown") > before);
            wait_until(PATIENCE, seen).map(drop).with_context(|| format!("{address} is let in"))
        };
        dropped(Side::Pbx, Side::Pbx.peer_address())?;
        dropped(Side::Carrier, Side::Carrier.stranger_address())?;
        edge.reload(&config("\"10.0.0.0/27\"").toml(lab))?;
        edge.wait_for_log("configuration reloaded", PATIENCE)?;
        let mut pbx = Pjsua2::start_registered(lab, Side::Pbx, Transport::Udp)?;
        let called = Sipp::called(Side::Carrier, scenario!("answers")).start(lab)?;
        pbx.call()?;
        pbx.is_confirmed()?;
        pbx.hang_up()?;
        called.wait_for_success(PATIENCE)?;
        ensure!(edge.counters()?.shield.passed("stranger_register") > 0, "{:?}", edge.counters()?.shield);
        // Who is not where the PBX may be is as unknown as before.
        dropped(Side::Pbx, Side::Pbx.stranger_address())?;
        edge.stop()
    })
}

/// The credentials for `request` that answer the challenge in `challenged`.
fn authorization(request: &str, challenged: &str, password: &str) -> Result<String> {
    let challenge = header(challenged, "WWW-Authenticate").context("no challenge")?.as_bytes();
    let challenge = Challenge::parse(challenge).next().context("an unreadable challenge")?;
    let login = Login::new(USER, Secret::new(password.as_bytes().to_vec()));
    let key = Proof::key(challenge.algorithm(), &login, challenge.realm);
    let mut words = request.split(' ').map(str::as_bytes);
    let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let protection = Protection::Auth { count: 1, cnonce: b"c" };
    let proof = Proof { algorithm: challenge.algorithm(), nonce: challenge.nonce, protection };
    let response = proof.make(&key, (method, uri), b"");
    let said = Authorization {
        username: USER.as_bytes(),
        realm: challenge.realm,
        nonce: challenge.nonce,
        uri,
        response: response.as_bytes(),
        algorithm: challenge.algorithm,
        opaque: challenge.opaque,
        protection,
    };
    Ok(format!("Authorization: {}\r\nContent-Length:", String::from_utf8(said.value())?))
}

/// Waits until so many were counted.
fn counted(edge: &EdgeProcess<'_>, name: &str, count: u64) -> Result<()> {
    let seen = || edge.counters().ok().filter(|counters| counters.sip(name) >= count);
    wait_until(PATIENCE, seen).with_context(|| format!("{count} {name}: {:?}", edge.counters()))?;
    Ok(())
}

/// Asks, is challenged, and answers by `password`: what was said then.
fn prove(peer: &RawPeer, call: &str, password: &str) -> Result<String> {
    let asked = peer.invite(call, number(Side::Pbx), 7100);
    peer.send(asked.as_bytes())?;
    let challenged = peer.expect(PATIENCE, |heard| {
        is_response(heard, 401, "INVITE") && header(heard, "Call-ID") == Some(&peer.call_id(call))
    })?;
    let said = asked.replacen("Content-Length:", &authorization(&asked, &challenged, password)?, 1);
    let said = said.replacen("CSeq: 1 ", "CSeq: 2 ", 1).replacen("-INVITE", "-INVITE-2", 1);
    peer.send(said.as_bytes())?;
    Ok(said)
}

/// A phone of the PBX's at `port` that registers by hand, with these headers.
fn registers_by_hand(lab: &Lab, port: u16, headers: &str) -> Result<RawPeer> {
    let peer = RawPeer::bind(lab, Side::Pbx, port)?;
    let asked =
        peer.options("register").replace("OPTIONS", "REGISTER").replace("sip:edge@", &format!("sip:{USER}@"));
    let asked = asked.replacen("Content-Length:", &format!("{headers}\r\nContent-Length:"), 1);
    peer.send(asked.as_bytes())?;
    let challenged = peer.expect(PATIENCE, |heard| is_response(heard, 401, "REGISTER"))?;
    let said = asked.replacen("Content-Length:", &authorization(&asked, &challenged, PASSWORD)?, 1);
    let said = said.replacen("CSeq: 2 ", "CSeq: 3 ", 1).replacen("-REGISTER", "-REGISTER-2", 1);
    peer.send(said.as_bytes())?;
    peer.expect(PATIENCE, |heard| is_response(heard, 200, "REGISTER"))?;
    Ok(peer)
}

/// The INVITE that a phone gets is for this Contact; it answers so.
fn is_called(phone: &RawPeer, contact: &str, status: &str) -> Result<String> {
    let invite = phone.expect(PATIENCE, |heard| heard.starts_with("INVITE "))?;
    ensure!(invite.starts_with(&format!("INVITE {contact} SIP/2.0\r\n")), "{invite}");
    phone.send(phone.answer(&invite, status, None)?.as_bytes())?;
    phone.expect(PATIENCE, |heard| heard.starts_with("ACK "))?;
    Ok(invite)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn of_several_contacts_the_one_that_is_wanted_most_is_called_first_and_by_its_path() -> Result<()> {
    visited(EdgeConfig::default(), "registrar = true\nauth_algorithms = [\"MD5\"]", |lab, edge| {
        let path = "<sip:10.0.0.20:5097;lr>";
        let second = registers_by_hand(lab, 5096, "Contact: <sip:second@10.0.0.20:5096>;q=0.2")?;
        let wanted = "Supported: path\r\nContact: <sip:first@192.0.2.9:5060>;q=0.9";
        let first = registers_by_hand(lab, 5097, &format!("Path: {path}\r\n{wanted}"))?;
        let caller = refused(Side::Carrier, 486).start(lab)?;
        // Where the REGISTER came from, by the proxy that it has passed.
        let invite = is_called(&first, "sip:first@192.0.2.9:5060", "503 Service Unavailable")?;
        ensure!(header(&invite, "Route") == Some(path), "{invite}");
        let invite = is_called(&second, "sip:second@10.0.0.20:5096", "486 Busy Here")?;
        ensure!(header(&invite, "Route").is_none(), "{invite}");
        caller.wait_for_success(PATIENCE)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_captured_proof_opens_no_second_call() -> Result<()> {
    visited(EdgeConfig::default(), "host = \"10.0.0.20\"\nauth_algorithms = [\"MD5\"]", |lab, edge| {
        let peer = RawPeer::bind(lab, Side::Pbx, 5099)?;
        let said = prove(&peer, "first", PASSWORD)?;
        peer.expect(PATIENCE, |heard| is_response(heard, 100, "INVITE"))?;
        let replayed = said.replace("first", "second");
        peer.send(replayed.as_bytes())?;
        let second = peer.call_id("second");
        let heard = peer.expect(PATIENCE, |heard| header(heard, "Call-ID") == Some(&second))?;
        ensure!(is_response(&heard, 401, "INVITE") && heard.contains("stale=true"), "{heard}");
        let elsewhere =
            RawPeer::bind_to(lab, Side::Pbx, SocketAddrV4::new(Side::Pbx.stranger_address(), 5099))?;
        elsewhere.send(replayed.replace("nc=00000001", "nc=00000002").as_bytes())?;
        elsewhere.expect(PATIENCE, |heard| is_response(heard, 401, "INVITE"))?;
        counted(&edge, "proofs_replayed", 1)?;
        let counters = edge.counters()?;
        ensure!(counters.sip("proofs_replayed") == 1 && counters.sip("calls_started") == 1, "{counters:?}");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_guesses_passwords_is_banned() -> Result<()> {
    let config = EdgeConfig::default().section("[shield]\nsource_rate = 10000\nban_after = 50");
    visited(config, "host = \"10.0.0.20\"\nauth_algorithms = [\"MD5\"]", |lab, edge| {
        let address = Side::Pbx.stranger_address();
        let peer = RawPeer::bind_to(lab, Side::Pbx, SocketAddrV4::new(address, 5099))?;
        for guess in 0..10 {
            prove(&peer, &format!("guess-{guess}"), "hunter2")?;
        }
        let banned = || ask(lab, &["shield", "list"]).ok().filter(|list| list.contains(&address.to_string()));
        let list = wait_until(PATIENCE, banned).context("ten wrong passwords are a ban")?;
        ensure!(!list.contains("datagrams banned"), "it has shown who it is, so all of it is banned: {list}");
        counted(&edge, "proofs_refused", 10)?;
        let counters = edge.counters()?;
        ensure!(counters.sip("calls_started") == 0, "{counters:?}");
        ensure!(!edge.log().contains("hunter2"), "{}", edge.log());
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_flood_of_strangers_is_challenged_within_bounds_and_a_pbx_still_registers() -> Result<()> {
    let config = EdgeConfig::default().section("[shield]\nmode = \"off\"");
    visited(config, &registering("MD5"), |lab, edge| {
        let peer = RawPeer::bind_to(lab, Side::Pbx, SocketAddrV4::new(Side::Pbx.stranger_address(), 5099))?;
        let mut sent = 0;
        for flood in 0..2_000 {
            let invite = peer.invite(&format!("flood-{flood}"), number(Side::Pbx), 7100);
            peer.send(invite.as_bytes())?;
            sent += invite.len();
        }
        let seen = || edge.counters().ok().filter(|of| of.sip("challenges_withheld") > 0);
        wait_until(PATIENCE, seen).context("no challenge was withheld")?;
        let heard: usize = peer.receive_waiting()?.iter().map(String::len).sum();
        ensure!(heard < sent / 4, "{heard} octets came back for {sent}");
        Pjsua2::start_registered(lab, Side::Pbx, Transport::Udp)?;
        counted(&edge, "registrations", 1)?;
        let counters = edge.counters()?;
        ensure!(counters.sip("transactions_open") <= 2 && counters.sip("calls_started") == 0, "{counters:?}");
        edge.stop()
    })
}
