//! What a registrar tells of us: as whom calls to it are presented, whose calls are its, and by which address it sees us.

use super::control::{Control, only};
use super::registration::{accepted, first, invite_for, registering_as, state};
use super::standing::{CARRIER, PBX, answer, header};
use super::*;
use crate::policy::{Hysteresis, IdentityHeader, Keepalive, Number, OwnNumber};

const TOLD: &str = "P-Associated-URI: <sip:+442071838750@sip.carrier.example>, <tel:+442071838751>\r\n\
                    P-Associated-URI: \"Desk\" <sip:+442071838752@sip.carrier.example>\r\nExpires: 600\r\n";

/// An edge whose registrar has answered with these headers.
fn told(headers: &str, change: impl FnOnce(&mut Trunk)) -> Control {
    let mut bench = registering_as(|trunk| {
        trunk.identity.header = IdentityHeader::Asserted;
        change(trunk);
    });
    let sent = first(&mut bench);
    bench.receive(CARRIER, &accepted(&only(&sent, "REGISTER ").1, headers));
    assert_eq!(state(&bench), "registered");
    bench
}

/// From and P-Asserted-Identity of a call of this caller's, without tag.
fn shown(bench: &mut Control, caller: &str) -> [String; 2] {
    let out = invite(9).replace("sip:+442071838750@192.0.2.1", "sip:+15550001@10.0.0.1");
    let from = header(&out, "From:").to_owned();
    let out = out.replace(&format!("From: {from}"), &format!("From: <sip:{caller}@10.0.0.20>;tag=p"));
    let sent = bench.receive(PBX, &out);
    let onward = &only(&sent, "INVITE ").1;
    let bare = |name| header(onward, name).split(";tag").next().unwrap_or_default().to_owned();
    [bare("From:"), bare("P-Asserted-Identity:")]
}

#[test]
fn who_is_none_of_our_numbers_there_is_presented_as_the_first_of_them() {
    let at = |number: &str| format!("<sip:{number}@sip.carrier.example>");
    for (caller, from, asserted) in [
        // One of them, and one of an extension of the PBX.
        ("+442071838751", "+442071838751", "+442071838751"),
        ("201", "+442071838750", "+442071838750"),
        // A call that is forwarded: whose it is may be shown, and who answers for it is us.
        ("+15550002", "+15550002", "+442071838750"),
    ] {
        assert_eq!(shown(&mut told(TOLD, |_| {}), caller), [at(from), at(asserted)], "{caller}");
    }
    let silent = "Expires: 600\r\n";
    assert_eq!(shown(&mut told(silent, |_| {}), "201"), [at("201"), at("201")]);
    let written = |trunk: &mut Trunk| {
        trunk.identity.own = Some(OwnNumber { number: Number::new("+15550100"), dids: Vec::new() });
    };
    assert_eq!(shown(&mut told(TOLD, written), "+15550002"), [at("+15550100"), at("+15550100")]);
}

#[test]
fn a_call_for_any_of_them_is_the_trunks() {
    for (uri, is_ours) in [
        ("sip:+442071838751@192.0.2.1", true),
        ("sip:+442071838752@192.0.2.1:5060", true),
        ("sip:+442071838753@192.0.2.1", false),
        ("sip:+442071838751@192.0.2.1;line=fedcba9876543210", false),
    ] {
        let mut bench = told(TOLD, |_| {});
        let sent = bench.receive(CARRIER, &invite_for(uri, uri, 1));
        assert_eq!(sent.iter().any(|(_, text)| text.starts_with("INVITE ")), is_ours, "{uri}: {sent:?}");
        assert_eq!(bench.edge.counters().strangers, u64::from(!is_ours), "{uri}");
    }
}

/// The same answer, which says that the request came from this port of our NAT's.
fn seen_from(answer: &str, port: u16) -> String {
    let seen = format!(";received=198.51.100.1;rport={port}");
    answer.lines().fold(String::new(), |all, line| match line.strip_suffix(";rport") {
        Some(via) if line.starts_with("Via:") => format!("{all}{via}{seen}\r\n"),
        Some(_) | None => format!("{all}{line}\r\n"),
    })
}

#[test]
fn a_nat_that_forgets_us_is_noticed_by_the_next_keepalive() {
    let mut bench = registering_as(|trunk| {
        let hysteresis = Hysteresis { fails: 3, oks: 1 };
        trunk.keepalive = Some(Keepalive { interval: Duration::from_secs(30), hysteresis });
    });
    let sent = first(&mut bench);
    let asked = only(&sent, "REGISTER ").1.clone();
    bench.receive(CARRIER, &seen_from(&accepted(&asked, "Expires: 600\r\n"), 40_001));
    let seen = || "198.51.100.1:40001".parse().ok();
    assert_eq!(bench.edge.policy.trunks[0].registered.account().seen_as, seen());
    let mut answered = |port| {
        let options = (0..40).find_map(|_| {
            let sent = bench.wait(1);
            sent.into_iter().find(|(_, text)| text.starts_with("OPTIONS "))
        });
        let options = options.expect("an OPTIONS").1;
        let sent = bench.receive(CARRIER, &seen_from(&answer(&options, "200 OK", "o", CARRIER, ""), port));
        sent.iter().any(|(_, text)| text.starts_with("REGISTER "))
    };
    assert!(!answered(40_001), "nothing has changed");
    assert!(answered(40_002), "it is another address");
    let account = bench.edge.policy.trunks[0].registered.account();
    assert_eq!(account.state, "refreshing");
}

#[test]
fn what_failed_says_when_it_is_tried_again() {
    let mut bench = registering_as(|_| {});
    let sent = first(&mut bench);
    bench.receive(CARRIER, &answer(&only(&sent, "REGISTER ").1, "403 Forbidden", "r", CARRIER, ""));
    let next = bench.edge.policy.trunks[0].registered.account().next_try.expect("it is tried again");
    assert!(next > bench.now && next <= bench.now + Duration::from_secs(20));
}
