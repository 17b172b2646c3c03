//! What a called trunk reads of a call beside the call itself: identities, diversions, and headers that an operator rules.

use super::control::{bench, only};
use super::standing::{CARRIER, PBX, answer, header, pbx_sdp};
use super::*;
use crate::policy::{Diversions, IdentityHeader, IdentityPolicy, Redirects};
use crate::sip::{AddedHeader, HeaderChange, HeaderPattern, HeaderRule, HeaderRules, RuledMessages};

/// The INVITE that the PBX hears for one of the carrier's with these headers.
fn called(change: impl FnOnce(&mut [Trunk; 2]), headers: &str) -> String {
    let mut bench = Bench::new(|trunks, _| change(trunks));
    let invite = invite(1).replace("Max-Forwards", &format!("{headers}Max-Forwards"));
    let (sent, _) = bench.receive(CARRIER, &invite);
    only(&sent, "INVITE ").1.clone()
}

fn pai(trusted: bool) -> IdentityPolicy {
    IdentityPolicy { header: IdentityHeader::Asserted, trusted, ..IdentityPolicy::default() }
}

const ASSERTED: &str = "P-Asserted-Identity: \"Desk\" <sip:+15550002@192.0.2.10>\r\n";

#[test]
fn an_identity_crosses_from_a_trunk_that_is_believed_and_from_no_other() {
    for (trusted, expected) in
        [(true, "\"Desk\" <sip:+15550002@10.0.0.1:5060>"), (false, "\"Ann\" <sip:+15550001@10.0.0.1:5060>")]
    {
        let invite =
            called(|trunks| (trunks[0].identity, trunks[1].identity) = (pai(trusted), pai(false)), ASSERTED);
        assert_eq!(header(&invite, "P-Asserted-Identity:"), expected);
        assert!(!invite.contains("Privacy:") && !invite.contains("192.0.2."), "{invite}");
    }
    let invite = called(|_| {}, ASSERTED);
    assert!(!invite.contains("P-Asserted-Identity"), "{invite}");
}

#[test]
fn who_wants_to_stay_unknown_is_told_to_those_that_keep_the_secret() {
    for keeps_secrets in [true, false] {
        let headers = format!("{ASSERTED}Privacy: id\r\n");
        let invite = called(
            |trunks| {
                trunks[0].identity = pai(true);
                trunks[1].identity = IdentityPolicy { keeps_secrets, ..pai(false) };
            },
            &headers,
        );
        assert!(header(&invite, "From:").starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
        assert_eq!(header(&invite, "Privacy:"), "id");
        assert_eq!(invite.contains("+15550002"), keeps_secrets, "{invite}");
        assert!(!invite.contains("+15550001"), "{invite}");
    }
}

#[test]
fn a_privacy_that_nobody_knows_and_that_is_critical_is_refused() {
    let mut bench = Bench::new(|_, _| {});
    let invite = invite(1).replace("Max-Forwards", "Privacy: invisible;critical\r\nMax-Forwards");
    let (sent, records) = bench.receive(CARRIER, &invite);
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"));
    assert_eq!(records[0].cause.name(), "privacy");
}

#[test]
fn diversions_are_told_in_the_words_of_the_trunk_that_hears_them() {
    let diversion = "Diversion: <sip:+15550009@192.0.2.10>;reason=user-busy\r\n";
    let history = "History-Info: <sip:+15550009@192.0.2.10>;index=1, <sip:+442071838750@192.0.2.1;cause=486>;index=1.1;mp=1\r\n";
    let as_diversion = "Diversion: <sip:+15550009@10.0.0.1:5060>;reason=user-busy;counter=1\r\n";
    let as_history = "History-Info: <sip:+15550009@10.0.0.1:5060>;index=1\r\n\
                      History-Info: <sip:02071838750@10.0.0.20;cause=486>;index=1.1;mp=1\r\n";
    for (diversions, headers, told) in [
        (Diversions::Pass, diversion, as_diversion),
        (Diversions::Pass, history, as_history),
        (Diversions::Diversion, diversion, as_diversion),
        (Diversions::Diversion, history, as_diversion),
        (Diversions::HistoryInfo, diversion, as_history),
        (Diversions::HistoryInfo, history, as_history),
        (Diversions::Remove, diversion, ""),
        (Diversions::Remove, history, ""),
    ] {
        let invite = called(|trunks| trunks[1].diversions = diversions, headers);
        let lines = invite.split_inclusive("\r\n");
        let said: String = lines
            .filter(|line| line.starts_with("Diversion:") || line.starts_with("History-Info:"))
            .collect();
        assert_eq!(said, told, "{diversions:?} of {headers}");
    }
}

#[test]
fn a_diversion_of_someone_who_stays_unknown_names_nobody() {
    let headers = "Diversion: <sip:+15550009@192.0.2.10>;reason=away;privacy=full\r\n";
    for (keeps_secrets, told) in [
        (false, "<sip:anonymous@anonymous.invalid>;reason=away;counter=1;privacy=full"),
        (true, "<sip:+15550009@10.0.0.1:5060>;reason=away;counter=1;privacy=full"),
    ] {
        let invite = called(|trunks| trunks[1].identity.keeps_secrets = keeps_secrets, headers);
        assert_eq!(header(&invite, "Diversion:"), told);
    }
}

#[test]
fn a_redirect_that_is_followed_adds_to_what_was_told_before() {
    let mut bench = bench(|trunks| {
        trunks[1].redirects = Redirects::Follow;
        trunks[0].diversions = Diversions::HistoryInfo;
    });
    let diversion = "Diversion: <sip:+15550009@192.0.2.10>;reason=no-answer\r\n";
    let sent =
        bench.receive(CARRIER, &invite(1).replace("Max-Forwards", &format!("{diversion}Max-Forwards")));
    let redirect = answer(&only(&sent, "INVITE ").1, "302 Moved Temporarily", "b", PBX, "");
    let redirect = redirect.replace("Contact: <sip:10.0.0.20:5060>", "Contact: <sip:+15550099@pbx.example>");
    let sent = bench.receive(PBX, &redirect);
    let (_, invite) = only(&sent, "INVITE ");
    let history: Vec<_> = invite.lines().filter_map(|line| line.strip_prefix("History-Info: ")).collect();
    assert_eq!(
        history,
        [
            "<sip:+15550009@192.0.2.1:5060>;index=1",
            "<sip:+442071838750@192.0.2.1:5060;cause=408>;index=1.1;mp=1",
            "<sip:+15550099@192.0.2.10;cause=480>;index=1.1.1;mp=1.1",
        ]
    );
}

fn rules(change: HeaderChange) -> Option<Arc<HeaderRules>> {
    Some(Arc::new(HeaderRules::new(vec![HeaderRule { on: RuledMessages::All, change }])))
}

#[test]
fn headers_pass_where_the_operator_lets_them_both_ways() {
    let pass = |trunks: &mut [Trunk; 2]| {
        let names = ["X-*", "User-to-User"].map(|names| HeaderPattern::new(names).unwrap());
        for trunk in trunks {
            trunk.headers.pass = names.to_vec();
        }
    };
    let mut bench = Bench::new(|trunks, _| pass(trunks));
    let headers = "x-account: 42\r\nUser-to-User: 00;encoding=hex\r\nSubject: no\r\nMax-Forwards";
    let (sent, _) = bench.receive(CARRIER, &invite(1).replace("Max-Forwards", headers));
    let invite = only(&sent, "INVITE ").1.clone();
    assert!(
        invite.contains("x-account: 42\r\n") && invite.contains("User-to-User: 00;encoding=hex\r\n"),
        "{invite}"
    );
    assert!(!invite.contains("Subject"), "{invite}");
    for (status, sdp) in [("180 Ringing", ""), ("486 Busy Here", "")] {
        let response = answer(&invite, status, "b", PBX, sdp).replace("Contact:", "X-Call: 7\r\nContact:");
        let (sent, _) = bench.receive(PBX, &response);
        let heard = only(&sent, &format!("SIP/2.0 {status}"));
        assert!(heard.1.contains("X-Call: 7\r\n"), "{}", heard.1);
    }
}

#[test]
fn rules_change_what_is_read_and_what_is_written() {
    let mut bench = Bench::new(|trunks, _| {
        trunks[0].identity = pai(true);
        trunks[0].headers.inbound =
            rules(HeaderChange::Remove(HeaderPattern::new("P-Asserted-Identity").unwrap()));
        trunks[0].headers.outbound =
            rules(HeaderChange::Add(AddedHeader::new("X-To: {trunk}", "carrier").unwrap()));
        trunks[1].identity = pai(false);
        trunks[1].headers.outbound =
            rules(HeaderChange::Add(AddedHeader::new("X-Call: {caller} {called}", "pbx").unwrap()));
    });
    let (sent, _) =
        bench.receive(CARRIER, &invite(1).replace("Max-Forwards", &format!("{ASSERTED}Max-Forwards")));
    let invite = only(&sent, "INVITE ").1.clone();
    assert!(header(&invite, "P-Asserted-Identity:").starts_with("\"Ann\""), "{invite}");
    assert_eq!(header(&invite, "X-Call:"), "+15550001 02071838750");
    let (sent, _) = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    assert_eq!(header(&only(&sent, "ACK ").1, "X-Call:"), "+15550001 02071838750");
    assert_eq!(header(&only(&sent, "SIP/2.0 200").1, "X-To:"), "carrier");
}
