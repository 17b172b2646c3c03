//! What holds for any offers and answers: each dialog keeps its m= lines (RFC 3264 section 8), an answer has the lines and
//! a part of the formats of its offer (section 6), and what a leg hears has no address but ours.

use std::net::SocketAddr;

use bytes::Bytes;
use edge_core::policy::{RealmId, Srtp, Trunk};
use edge_core::sdp::{Answer, MediaLines, MediaStream, Offer, Origin, SdpError, SessionDescription, Terms};

/// Any bytes as an offer and, behind the next `v=0`, what answers it; then the other way round.
pub(crate) fn sdp(data: &[u8]) {
    let second =
        data.windows(4).skip(1).position(|window| window == b"\nv=0").map_or(data.len(), |at| at + 2);
    let (offer, answer) = data.split_at(second);
    for secure in [false, true] {
        let mut dialogs = Dialogs::new(secure);
        dialogs.exchange(0, offer, |told| {
            if answer.is_empty() { told.clone() } else { Bytes::copy_from_slice(answer) }
        });
        dialogs.exchange(1, if answer.is_empty() { offer } else { answer }, Bytes::clone);
        dialogs.exchange(0, offer, Bytes::clone);
    }
}

/// The two dialogs of a call, as their peers see them.
pub(crate) struct Dialogs {
    trunks: [Trunk; 2],
    lines: MediaLines,
    /// The m= lines that each leg has seen.
    seen: [Vec<Line>; 2],
    /// Exchanges that came to an agreement.
    pub(crate) agreed: usize,
}

/// What a leg has seen of an m= line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    kind: String,
    transport: String,
    port: u16,
    formats: Vec<String>,
    /// Encoding and clock rate by payload type, where an rtpmap says so.
    maps: Vec<(String, String)>,
}

impl Dialogs {
    pub(crate) fn new(secure: bool) -> Self {
        let srtp = if secure { Srtp::Passthrough } else { Srtp::Off };
        let trunk = |name| Trunk { srtp, ..Trunk::new(name, RealmId::new(0), local(0, 0)) };
        let (lines, seen) = (MediaLines::default(), [Vec::new(), Vec::new()]);
        Self { trunks: [trunk("a"), trunk("b")], lines, seen, agreed: 0 }
    }

    /// Leg `from` offers, and the other one answers what it is told.
    pub(crate) fn exchange(&mut self, from: usize, offer: &[u8], answer: impl Fn(&Bytes) -> Bytes) {
        let Ok(parsed) = Offer::parse(offer) else { return };
        let terms = Terms::between(&self.trunks[from], &self.trunks[1 - from]);
        let Ok(proposal) = self.lines.propose(from, parsed, &terms, anywhere) else { return };
        let told = proposal.offer_to(origin(1 - from), |stream| Some(local(1 - from, stream)));
        let (offered, told_lines) = (lines(offer), lines(&told));
        only_ours(&told, 1 - from);
        self.keeps_its_lines(1 - from, &told_lines);
        for line in told_lines.iter().filter(|line| line.port != 0) {
            assert!(
                offered.iter().any(|other| line.is_part_of(other)),
                "{line:?} was not offered: {offered:?}"
            );
        }
        let answer = answer(&told);
        let Ok(parsed) = Answer::parse(&answer) else { return };
        let Ok(agreement) = proposal.agree(&parsed, anywhere) else { return };
        let heard = agreement.answer_to(origin(from), |stream| Some(local(from, stream)));
        only_ours(&heard, from);
        let heard = lines(&heard);
        assert_eq!(heard.len(), offered.len(), "an answer has the lines of its offer");
        for (heard, offered) in heard.iter().zip(&offered) {
            assert_eq!((&heard.kind, &heard.transport), (&offered.kind, &offered.transport));
            assert!(heard.port == 0 || offered.port != 0, "what is not offered is not answered");
            assert!(heard.port == 0 || heard.is_answer_to(offered), "{heard:?} to {offered:?}");
        }
        let live = heard.iter().filter(|line| line.port != 0).count();
        assert_eq!(agreement.is_empty(), live == 0);
        assert!(live <= told_lines.iter().filter(|line| line.port != 0).count());
        self.lines = agreement.lines();
        (self.seen[from], self.seen[1 - from]) = (offered, told_lines);
        self.agreed += 1;
    }

    /// A leg that has seen lines sees all of them again, in their places.
    fn keeps_its_lines(&self, leg: usize, told: &[Line]) {
        let seen = &self.seen[leg];
        assert!(told.len() >= seen.len(), "{told:?} has lost a line of {seen:?}");
        for (told, seen) in told.iter().zip(seen) {
            // A line that is not used may become another kind when it is used again (section 8.1); one that is, too (8.3.3).
            assert!(told.port != 0 || told.kind == seen.kind || seen.port == 0, "{told:?} after {seen:?}");
        }
    }
}

impl Line {
    /// The encoding of a payload type, as far as it is said.
    fn map(&self, format: &str) -> Option<&str> {
        self.maps.iter().find(|(number, _)| number == format).map(|(_, map)| map.as_str())
    }

    /// Whether it is of that line, with formats that the line has under the same numbers.
    fn is_part_of(&self, other: &Self) -> bool {
        let same = |format: &String| other.formats.contains(format) && self.map(format) == other.map(format);
        self.kind == other.kind && (self.kind == "image" || self.formats.iter().all(same))
    }

    /// Whether each of its formats is one of that line's, under whichever number.
    fn is_answer_to(&self, offer: &Self) -> bool {
        let encodings = |line: &Self, format: &str| line.map(format).map(str::to_ascii_lowercase);
        self.kind == "image"
            || self.formats.iter().all(|format| match encodings(self, format) {
                Some(encoding) => offer.formats.iter().any(|other| match encodings(offer, other) {
                    Some(offered) => offered.trim_end_matches("/1") == encoding.trim_end_matches("/1"),
                    None => true, // A static one, which has a name all the same.
                }),
                None => true,
            })
    }
}

fn lines(text: &[u8]) -> Vec<Line> {
    let session = SessionDescription::parse(text).expect("well-formed");
    let text = String::from_utf8_lossy(&session.to_bytes()).into_owned();
    let blocks: Vec<&str> = text.split("\r\nm=").skip(1).collect();
    let line = |(media, block): (edge_core::sdp::MediaDescription<'_>, &str)| {
        // An attribute that is no text is none.
        let text = block.lines().filter(|line| !line.contains(char::REPLACEMENT_CHARACTER));
        let maps = text.filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
        let mut known: Vec<(String, String)> = Vec::new();
        for (format, map) in maps {
            let (format, map) =
                (number(format), map.trim().split('/').map(number).collect::<Vec<_>>().join("/"));
            if !known.iter().any(|(other, _)| *other == format) {
                known.push((format, map));
            }
        }
        Line {
            kind: media.kind.to_owned(),
            transport: media.transport.to_owned(),
            port: media.port,
            formats: media.formats.split_ascii_whitespace().map(number).collect(),
            maps: known,
        }
    };
    session.media().zip(blocks).map(line).collect()
}

/// Numbers without leading zeros, and everything else as it is.
fn number(text: &str) -> String {
    text.parse::<u32>().map_or_else(|_| text.to_owned(), |number| number.to_string())
}

/// Lines that can hold an address hold ours, or are not there.
fn only_ours(text: &[u8], leg: usize) {
    let text = std::str::from_utf8(text).expect("we write text");
    let address = format!("IN IP4 {}", local(leg, 0).ip());
    for line in text.lines() {
        let (kind, value) = line.split_once('=').expect("type=value");
        match kind {
            "c" => assert_eq!(value, address),
            "o" => assert_eq!(value, format!("- 1 2 {address}")),
            "v" | "s" | "t" | "m" | "b" => {}
            "a" => {
                let words = value.split([' ', ':', '/', ';', '=', ',', '|']);
                let foreign =
                    words.filter(|word| word.len() > 6).any(|word| word.parse::<std::net::IpAddr>().is_ok());
                let denied = ["candidate", "rtcp:", "ice-", "fingerprint", "setup", "mid", "group"];
                assert!(!foreign && !denied.iter().any(|name| value.starts_with(name)), "{line}");
            }
            other => panic!("{other}= has no business here"),
        }
    }
}

fn anywhere(_: &MediaStream) -> Result<(), SdpError> {
    Ok(())
}

fn origin(leg: usize) -> Origin {
    Origin { address: local(leg, 0).ip(), session_id: 1, version: 2 }
}

fn local(leg: usize, stream: usize) -> SocketAddr {
    let number = |value: usize| u16::try_from(value).expect("a small number");
    let host = [77, 78][leg];
    SocketAddr::from(([203, 0, 113, host], 40_000 + 2 * number(stream)))
}
