//! What a hostile trunk and the host of its edge may do, and how likely.

use proptest::prelude::*;

use super::SDP;

const WITH_SDP: &str = "Content-Type: application/sdp\r\n";
const WITH_DIGIT: &str = "Content-Type: application/dtmf-relay\r\n";
const DIGIT: &str = "Signal=5\r\nDuration=160\r\n";

/// Requests that a peer makes within a dialog: method, headers, body.
pub(crate) const METHODS: &[(&str, &str, &str)] = &[
    ("BYE", "", ""),
    ("INVITE", WITH_SDP, SDP),
    ("INVITE", "", ""),
    ("ACK", "", ""),
    ("ACK", WITH_SDP, SDP),
    ("CANCEL", "", ""),
    ("OPTIONS", "", ""),
    ("INFO", WITH_DIGIT, DIGIT),
    ("INFO", WITH_SDP, SDP),
    ("MESSAGE", "Content-Type: text/plain\r\n", "hello"),
    ("NOTIFY", "Event: refer\r\nSubscription-State: active\r\n", ""),
    ("UPDATE", "Allow: UPDATE\r\n", ""),
    ("UPDATE", "Allow: INVITE, UPDATE\r\nContent-Type: application/sdp\r\n", SDP),
    ("UPDATE", "Supported: timer\r\nSession-Expires: 90\r\n", ""),
    ("UPDATE", "Supported: timer\r\nSession-Expires: 1\r\n", ""),
    ("PRACK", "", ""),
    ("PRACK", WITH_SDP, SDP),
    ("REFER", "Refer-To: <sip:2@192.0.2.77>\r\n", ""),
    ("REFER", "Refer-To: <sip:2@192.0.2.77>\r\nRefer-Sub: false\r\n", ""),
    ("REFER", "Refer-To: <sip:2@a?Replaces=[replaces]>\r\n", ""),
    ("INVITE", "Replaces: [replaces]\r\nContent-Type: application/sdp\r\n", SDP),
];

/// What an answer says of methods, of session timers, and of its own reliability.
pub(crate) const TIMERS: &[&str] = &[
    "",
    "Allow: INVITE, UPDATE\r\n",
    "Session-Expires: 90;refresher=uac\r\n",
    "Allow: UPDATE\r\nSession-Expires: 90;refresher=uac\r\n",
    "Session-Expires: 90;refresher=uas\r\n",
    "Min-SE: 4294967295\r\n",
    "Require: 100rel\r\nRSeq: 1\r\n",
    "Require: 100rel\r\nRSeq: 2\r\n",
    "Require: 100rel\r\nRSeq: 2\r\nAllow: INVITE, UPDATE\r\n",
    "Require: 100rel\r\nRSeq: 4294967295\r\n",
    "Session-Expires: 4294967295\r\n",
];

/// One thing that the world does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A new INVITE, from one side or the other.
    Invite { side: usize, number: u8, with_offer: bool },
    /// Something the edge sent, answered: with this status, with SDP or without.
    Answer { pick: u16, code: u16, with_sdp: bool, timer: usize },
    /// A request in a dialog that something the edge sent belongs to.
    InDialog { pick: u16, method: usize, sequence: u32 },
    /// A new INVITE in the place of a dialog that something the edge sent belongs to.
    Replace { pick: u16, number: u8 },
    /// Something the edge sent, sent back to it.
    Echo { pick: u16 },
    /// Something the edge sent, with a byte changed, sent back to it.
    Mutated { pick: u16, at: u16, to: u8 },
    /// Bytes.
    Noise(Vec<u8>),
    /// Time goes by.
    Wait { ms: u32 },
    /// The operator hangs a call up.
    HangUp { pick: u16 },
    /// The edge takes no more calls, and hangs up the others after a while.
    Drain { ms: u32 },
    /// The next word of the datapath is no.
    RefuseMedia,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let codes = prop::sample::select(vec![
        100, 180, 183, 200, 200, 200, 202, 302, 401, 404, 408, 422, 481, 486, 487, 491, 503, 603,
    ]);
    prop_oneof![
        4 => (0..2_usize, 0..6_u8, any::<bool>())
            .prop_map(|(side, number, with_offer)| Step::Invite { side, number, with_offer }),
        8 => (any::<u16>(), codes, any::<bool>(), 0..TIMERS.len())
            .prop_map(|(pick, code, with_sdp, timer)| Step::Answer { pick, code, with_sdp, timer }),
        6 => (any::<u16>(), 0..METHODS.len(), 1..9_u32)
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        2 => (any::<u16>(), 6..9_u8).prop_map(|(pick, number)| Step::Replace { pick, number }),
        2 => any::<u16>().prop_map(|pick| Step::Echo { pick }),
        2 => (any::<u16>(), any::<u16>(), any::<u8>()).prop_map(|(pick, at, to)| Step::Mutated { pick, at, to }),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::Noise),
        3 => (0..120_000_u32).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// What the host of the edge does of itself.
fn fact() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u16>().prop_map(|pick| Step::HangUp { pick }),
        1 => (0..60_000_u32).prop_map(|ms| Step::Drain { ms }),
        3 => Just(Step::RefuseMedia),
    ]
}

/// What a trunk sends that answers what it has just heard, so that calls come about and meet each other; with what the
/// host does meanwhile.
pub(crate) fn conversation() -> impl Strategy<Value = Step> {
    let codes = prop::sample::select(vec![180, 183, 200, 200, 200, 200, 200, 200, 302, 486, 491]);
    let newest = (0..6_u16).prop_map(|back| u16::MAX - back);
    prop_oneof![
        3 => (0..2_usize, 0..6_u8).prop_map(|(side, number)| Step::Invite { side, number, with_offer: true }),
        14 => (newest.clone(), codes, prop::bool::weighted(0.9), 0..TIMERS.len())
            .prop_map(|(pick, code, with_sdp, timer)| Step::Answer { pick, code, with_sdp, timer }),
        6 => (newest.clone(), 0..METHODS.len(), 1..30_u32)
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        6 => (newest.clone(), Just(3_usize), Just(1_u32))
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        4 => (newest.clone(), (METHODS.len() - 4)..METHODS.len() - 1, 2..30_u32)
            .prop_map(|(pick, method, sequence)| Step::InDialog { pick, method, sequence }),
        2 => (newest, 6..9_u8).prop_map(|(pick, number)| Step::Replace { pick, number }),
        2 => (0..6_000_u32).prop_map(|ms| Step::Wait { ms }),
        1 => fact(),
    ]
}
