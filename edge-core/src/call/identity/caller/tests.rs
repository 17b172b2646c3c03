//! Who is told what of a caller: the whole table, and what it rests on.

use bytes::Bytes;

use super::{Caller, check_privacy};
use crate::policy::{IdentityHeader, IdentityPolicy, Number, OwnNumber, RealmId, Trunk};
use crate::sip::{Incoming, MessageLimits, MessageWriter, Method, Request};

const SENT_BY: &[u8] = b"10.0.0.1:5060";

fn invite(from: &str, headers: &str) -> Request {
    let text = format!(
        "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: {from}\r\nTo: <sip:2@h>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:h>\r\n{headers}\r\n"
    );
    match Incoming::parse(Bytes::from(text), &MessageLimits::default()) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn trunk(identity: IdentityPolicy) -> Trunk {
    Trunk { identity, ..Trunk::new("t", RealmId::new(0), "192.0.2.1:5060".parse().unwrap()) }
}

fn trusting() -> Trunk {
    trunk(IdentityPolicy { trusted: true, ..IdentityPolicy::default() })
}

/// From, and the headers that go with it.
fn told(invite: &Request, from: &Trunk, to: &Trunk) -> (String, Vec<String>) {
    let caller = Caller::of(invite, from);
    let shown = String::from_utf8(caller.from(to, SENT_BY).to_vec()).unwrap();
    let request = caller.tell(to, SENT_BY, MessageWriter::request(&Method::Invite, "sip:2@h")).empty();
    let text = String::from_utf8(request.to_vec()).unwrap();
    let headers = text.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with("Content-"));
    (shown, headers.map(str::to_owned).collect())
}

const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
const ANN: &str = "\"Ann\" <sip:+15550001@10.0.0.1:5060>";
const DESK: &str = "\"Desk\" <sip:+15550002@10.0.0.1:5060>";
const OURS: &str = "<sip:+15550100@10.0.0.1:5060>";

/// What a caller asks for, by what it writes into Privacy and From.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    None,
    Id,
    User,
    Header,
    Critical,
    /// Nothing, but From is anonymous.
    Anonymous,
}

const ALL: [Asks; 7] =
    [Asks::Nothing, Asks::None, Asks::Id, Asks::User, Asks::Header, Asks::Critical, Asks::Anonymous];
/// Those that want to stay unknown.
const SECRET: [Asks; 5] = [Asks::Id, Asks::User, Asks::Header, Asks::Critical, Asks::Anonymous];

impl Asks {
    const fn privacy(self) -> &'static str {
        match self {
            Self::Nothing | Self::Anonymous => "",
            Self::None => "Privacy: none\r\n",
            Self::Id => "Privacy: id\r\n",
            Self::User => "Privacy: user\r\n",
            Self::Header => "Privacy: header\r\n",
            Self::Critical => "Privacy: id; critical\r\n",
        }
    }

    /// What the other trunk hears.
    const fn passed(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::None => Some("Privacy: none"),
            Self::Id | Self::User | Self::Header | Self::Anonymous => Some("Privacy: id"),
            Self::Critical => Some("Privacy: id;critical"),
        }
    }
}

/// One line of the table; an empty list stands for all.
struct Row {
    asks: &'static [Asks],
    trusted: &'static [bool],
    keeps_secrets: &'static [bool],
    own: &'static [bool],
    from: &'static str,
    /// The identity, where the trunk wants one.
    identity: Option<&'static str>,
}

const OPEN: &[Asks] = &[Asks::Nothing, Asks::None];
const WITH_FROM: &[Asks] = &[Asks::Id, Asks::User, Asks::Header, Asks::Critical];
const BOTH: &[bool] = &[false, true];

/// The caller is Ann in From, and Desk in P-Asserted-Identity. Our own number is of Ann's range, not of Desk's.
const TABLE: [Row; 10] = [
    row(OPEN, &[false], BOTH, &[false], ANN, Some(ANN)),
    row(OPEN, &[true], BOTH, &[false], ANN, Some(DESK)),
    row(OPEN, &[false], BOTH, &[true], ANN, Some(ANN)),
    row(OPEN, &[true], BOTH, &[true], ANN, Some(OURS)),
    row(&SECRET, BOTH, &[false], &[false], ANONYMOUS, None),
    row(&SECRET, BOTH, &[false], &[true], ANONYMOUS, Some(OURS)),
    row(WITH_FROM, &[false], &[true], BOTH, ANONYMOUS, Some(ANN)),
    row(&SECRET, &[true], &[true], &[false], ANONYMOUS, Some(DESK)),
    row(&SECRET, &[true], &[true], &[true], ANONYMOUS, Some(OURS)),
    // Nobody has said who it is; with a number of our own, the next line.
    row(&[Asks::Anonymous], &[false], &[true], &[false], ANONYMOUS, None),
];

const fn row(
    asks: &'static [Asks],
    trusted: &'static [bool],
    keeps_secrets: &'static [bool],
    own: &'static [bool],
    from: &'static str,
    identity: Option<&'static str>,
) -> Row {
    Row { asks, trusted, keeps_secrets, own, from, identity }
}

/// The one line of the table that these belong to.
fn line(asks: Asks, trusted: bool, keeps_secrets: bool, own: bool) -> (&'static str, Option<&'static str>) {
    if (asks, trusted, keeps_secrets, own) == (Asks::Anonymous, false, true, true) {
        return (ANONYMOUS, Some(OURS));
    }
    let fits = |row: &&Row| {
        row.asks.contains(&asks)
            && row.trusted.contains(&trusted)
            && row.keeps_secrets.contains(&keeps_secrets)
            && row.own.contains(&own)
    };
    let [row] = TABLE.iter().filter(fits).collect::<Vec<_>>()[..] else {
        panic!("one line for {asks:?} trusted {trusted} keeps {keeps_secrets} own {own}")
    };
    (row.from, row.identity)
}

fn as_header(header: IdentityHeader, who: &str, asks: Asks, screened: bool) -> Option<String> {
    let (screen, secret) = (if screened { "yes" } else { "no" }, SECRET.contains(&asks));
    let privacy = if secret { "full" } else { "off" };
    match header {
        IdentityHeader::None => None,
        IdentityHeader::Asserted => Some(format!("P-Asserted-Identity: {who}")),
        IdentityHeader::Preferred => Some(format!("P-Preferred-Identity: {who}")),
        IdentityHeader::RemoteParty => {
            Some(format!("Remote-Party-ID: {who};party=calling;screen={screen};privacy={privacy}"))
        }
    }
}

#[test]
fn each_trunk_is_told_what_it_may_know() {
    use IdentityHeader::{Asserted, None as Nothing, Preferred, RemoteParty};
    for asks in ALL {
        let from = if asks == Asks::Anonymous { ANONYMOUS } else { "\"Ann\" <sip:+15550001@h>" };
        let asserted = "P-Asserted-Identity: \"Desk\" <sip:+15550002@h>\r\n";
        let invite = invite(&format!("{from};tag=a"), &format!("{}{asserted}", asks.privacy()));
        for (trusted, keeps_secrets, own) in (0..8).map(|bits| (bits & 1 == 1, bits & 2 == 2, bits & 4 == 4))
        {
            for header in [Nothing, Asserted, Preferred, RemoteParty] {
                let near = trunk(IdentityPolicy { trusted, ..IdentityPolicy::default() });
                let ours = OwnNumber { number: Number::new("+15550100"), dids: vec!["+15550001".to_owned()] };
                let ours = own.then_some(ours);
                let far =
                    trunk(IdentityPolicy { header, keeps_secrets, own: ours, ..IdentityPolicy::default() });
                let (from, identity) = line(asks, trusted, keeps_secrets, own);
                let identity = identity.and_then(|who| as_header(header, who, asks, trusted || own));
                let headers: Vec<_> = identity.into_iter().chain(asks.passed().map(str::to_owned)).collect();
                let case = format!("{asks:?} trusted {trusted} keeps {keeps_secrets} own {own} {header:?}");
                assert_eq!(told(&invite, &near, &far), (from.to_owned(), headers), "{case}");
            }
        }
    }
}

#[test]
fn of_several_identities_the_first_one_that_has_a_number_counts() {
    let pai = "P-Asserted-Identity: <sip:carrier.example>, <tel:+1-555-0003>\r\n";
    let rpid =
        "Remote-Party-ID: <sip:9@h>;party=called, \"Bo\" <sip:+15550004@h>;party=calling;privacy=off\r\n";
    let ppi = "P-Preferred-Identity: <sip:+15550005@h>\r\n";
    let far = trunk(IdentityPolicy { header: IdentityHeader::Asserted, ..IdentityPolicy::default() });
    for (headers, expected) in [
        (format!("{ppi}{rpid}{pai}"), "<sip:+15550003@10.0.0.1:5060>"),
        (format!("{ppi}{rpid}"), "\"Bo\" <sip:+15550004@10.0.0.1:5060>"),
        (ppi.to_owned(), "<sip:+15550005@10.0.0.1:5060>"),
        ("P-Asserted-Identity: <sip:anonymous@h>\r\n".to_owned(), "<sip:+15550001@10.0.0.1:5060>"),
        ("P-Asserted-Identity: <sip:\r\n".to_owned(), "<sip:+15550001@10.0.0.1:5060>"),
        (
            "P-Asserted-Identity: \"sbc1.example\" <sip:+15550006@h>\r\n".to_owned(),
            "<sip:+15550006@10.0.0.1:5060>",
        ),
        ("P-Asserted-Identity: <mailto:ann@h>\r\n".to_owned(), "<sip:+15550001@10.0.0.1:5060>"),
    ] {
        let invite = invite("<sip:+15550001@h>;tag=a", &headers);
        let (_, told) = told(&invite, &trusting(), &far);
        assert_eq!(told, [format!("P-Asserted-Identity: {expected}")], "{headers}");
    }
}

#[test]
fn a_remote_party_that_is_restricted_stays_unknown_whoever_says_so() {
    for near in [trunk(IdentityPolicy::default()), trusting()] {
        for (privacy, shown) in
            [("off", "<sip:+15550001@10.0.0.1:5060>"), ("full", ANONYMOUS), ("name", ANONYMOUS)]
        {
            let rpid = format!("Remote-Party-ID: <sip:+15550001@h>;party=calling;privacy={privacy}\r\n");
            let invite = invite("<sip:+15550001@h>;tag=a", &rpid);
            assert_eq!(told(&invite, &near, &trunk(IdentityPolicy::default())).0, shown, "{privacy}");
        }
    }
}

#[test]
fn callers_of_other_ranges_are_presented_as_our_own_number() {
    for (dids, caller, shown) in [
        (vec![], "+15550001", "+15550100"),
        (vec!["+1555000"], "+15550001", "+15550001"),
        (vec!["+1555000"], "+442071838750", "+15550100"),
        (vec![""], "+442071838750", "+442071838750"),
        (vec!["+1"], "750", "+15550100"),
    ] {
        let dids = dids.into_iter().map(str::to_owned).collect();
        let own = Some(OwnNumber { number: Number::new("+15550100"), dids });
        let far = trunk(IdentityPolicy { own, ..IdentityPolicy::default() });
        let invite = invite(&format!("<sip:{caller}@h>;tag=a"), "");
        let (from, _) = told(&invite, &trunk(IdentityPolicy::default()), &far);
        assert_eq!(from, format!("<sip:{shown}@10.0.0.1:5060>"));
    }
}

#[test]
fn a_critical_wish_that_nobody_knows_is_refused() {
    for (privacy, refused) in [
        ("id;critical", false),
        ("new;critical", true),
        ("new", false),
        ("critical", false),
        ("Critical, X", true),
    ] {
        let invite = invite("<sip:1@h>;tag=a", &format!("Privacy: {privacy}\r\n"));
        assert_eq!(check_privacy(&invite.message).is_err(), refused, "{privacy}");
    }
}
