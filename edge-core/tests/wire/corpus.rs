//! The torture messages of RFC 4475 and RFC 5118 and session descriptions of many systems, when they are at
//! hand.
//!
//! The tables below say what is expected of each message; a message without a row fails the test.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use edge_core::sip::{HeaderName, Incoming, MessageLimits, NameAddr, ParseError, Via};

use crate::negotiation;
use crate::properties;

/// What RFC 4475 or RFC 5118 wants to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// Well-formed: it reaches the transaction user, whatever that then answers.
    Accept,
    /// Refused with this status.
    Answer(u16),
    /// Refused in silence.
    Drop,
    /// The RFC leaves it open; this is our choice.
    MayAccept,
    /// The RFC leaves it open; this is our choice.
    MayRefuse,
}

use Expect::{Accept, Answer, Drop, MayAccept, MayRefuse};

const RFC4475: [(&str, Expect); 49] = [
    ("wsinv", Accept),
    ("intmeth", Accept),
    ("esc01", Accept),
    ("escnull", Accept),
    ("esc02", Accept),
    ("lwsdisp", Accept),
    ("longreq", Accept),
    ("dblreq", Accept),
    ("semiuri", Accept),
    ("transports", Accept),
    ("mpart01", Accept),
    ("unreason", Accept),
    ("noreason", Accept),
    ("badinv01", Answer(400)),
    ("clerr", Answer(400)),
    ("ncl", Answer(400)),
    ("scalar02", Answer(400)),
    ("scalarlg", Drop),
    ("quotbal", Answer(400)),
    ("ltgtruri", Answer(400)),
    ("lwsruri", Answer(400)),
    ("lwsstart", MayRefuse),
    ("trws", MayAccept),
    ("escruri", MayRefuse),
    ("baddate", MayAccept),
    ("regbadct", Answer(400)),
    ("badaspec", MayRefuse),
    ("baddn", MayAccept),
    ("badvers", Answer(505)),
    ("mismatch01", Answer(400)),
    ("mismatch02", Answer(400)),
    ("bigcode", Drop),
    ("badbranch", Accept),
    ("insuf", Drop),
    ("unkscm", Accept),
    ("novelsc", Accept),
    ("unksm2", Accept),
    ("bext01", Accept),
    ("invut", Accept),
    ("regaut01", Accept),
    ("multi01", Answer(400)),
    ("mcl01", Answer(400)),
    ("bcast", Accept),
    ("zeromf", Accept),
    ("cparam01", Accept),
    ("cparam02", Accept),
    ("regescrt", Accept),
    ("sdp01", Accept),
    ("inv2543", Accept),
];

const RFC5118: [(&str, Expect); 12] = [
    ("ipv4-mapped-ipv6", Accept),
    ("ipv6-bad", Answer(400)),
    ("ipv6-bug-abnf-3-colons", MayRefuse),
    ("ipv6-correct-abnf-2-colons", Accept),
    ("ipv6-good", Accept),
    ("ipv6-in-sdp", Accept),
    ("mult-ip-in-header", Accept),
    ("mult-ip-in-sdp", Accept),
    ("port-ambiguous", Accept),
    ("port-unambiguous", Accept),
    ("via-received-param-no-delim", Accept),
    ("via-received-param-with-delim", Accept),
];

#[test]
fn rfc4475_messages_meet_their_expectations() {
    check_table("rfc4475", &RFC4475);
}

#[test]
fn rfc5118_messages_meet_their_expectations() {
    check_table("rfc5118", &RFC5118);
}

#[test]
fn session_descriptions_of_many_systems_survive() {
    let Some(files) = files("sdp", "sdp") else { return };
    assert!(!files.is_empty());
    for (name, bytes) in files {
        println!("{name}");
        properties::sdp(&bytes);
        negotiation::sdp(&bytes);
    }
}

fn check_table(folder: &str, table: &[(&str, Expect)]) {
    let Some(files) = files(folder, "dat") else { return };
    let mut wrong = Vec::new();
    for (name, bytes) in &files {
        properties::message(bytes);
        match table.iter().find(|(row, _)| row == name) {
            Some((_, expect)) => wrong.extend(verdict(*expect, bytes).err().map(|got| (name, *expect, got))),
            None => wrong.push((name, Accept, "has no row in the table".to_owned())),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(files.len(), table.len(), "a message of {folder} is missing");
}

fn verdict(expect: Expect, bytes: &[u8]) -> Result<(), String> {
    let got = Incoming::parse(Bytes::copy_from_slice(bytes), &MessageLimits::default());
    let fits = match &got {
        Ok(incoming) => matches!(expect, Accept | MayAccept) && lists_are_read(incoming),
        Err(ParseError::BadRequest { status, .. }) => {
            expect == Answer(status.as_u16()) || expect == MayRefuse
        }
        Err(ParseError::Unanswerable { .. } | ParseError::Framing(_)) => expect == Drop,
    };
    let got = got.err().map_or_else(|| "accepted".to_owned(), |error| error.to_string());
    if fits { Ok(()) } else { Err(got) }
}

/// Typed access beyond what `Incoming` reads itself: every Via, Route and Record-Route.
fn lists_are_read(incoming: &Incoming) -> bool {
    let message = match incoming {
        Incoming::Request(request) => &request.message,
        Incoming::Response(response) => &response.message,
        Incoming::KeepAlive => return false,
    };
    let readable = |value| NameAddr::parse(message.share(value)).is_ok();
    message.values(HeaderName::Via).all(|via| Via::parse(message.share(via)).is_ok())
        && [HeaderName::Route, HeaderName::RecordRoute]
            .into_iter()
            .all(|name| message.values(name).all(readable))
}

/// Name and bytes of each file of one corpus; `None`, said aloud, where the corpora are not.
fn files(folder: &str, extension: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "shared", "corpora", folder].iter().collect();
    let Ok(entries) = fs::read_dir(&path) else {
        println!("left out: no corpus {folder} on this machine");
        return None;
    };
    let paths = entries.map(|entry| entry.expect("a directory entry").path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("a readable file"))
    };
    Some(wanted.map(read).collect())
}
