//! Offers and answers as they follow each other in a call: what must hold of each, and the examples of the RFCs.

use bytes::Bytes;
use proptest::prelude::*;

use crate::negotiation::Dialogs;

/// What an m= line of a generated description is made of: `{}` is its port.
const LINES: [&str; 12] = [
    "m=audio {} RTP/AVP 0 8\r\n",
    "m=audio {} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n",
    "m=audio {} RTP/AVP 96 97 0\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/48000\r\na=rtcp-mux\r\n",
    "m=audio {} RTP/AVPF 9 8\r\nb=TIAS:64000\r\na=rtcp:7777 IN IP4 192.0.2.77\r\na=sendonly\r\n",
    "m=audio {} RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n",
    "m=audio {} UDP/TLS/RTP/SAVPF 8\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=ice-ufrag:x\r\n",
    "m=audio {}/2 RTP/AVP 8\r\n",
    "m=video {} RTP/AVP 98\r\nc=IN IP4 192.0.2.55\r\na=rtpmap:98 H264/90000\r\n",
    "m=image {} udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPFEC\r\n",
    "m=image {} TCP t38\r\n",
    "m=message {} TCP/MSRP *\r\na=path:msrp://192.0.2.9:2855/x;tcp\r\n",
    "m=application {} UDP/DTLS/SCTP webrtc-datachannel\r\na=candidate:1 1 UDP 1 192.0.2.9 9 typ host\r\n",
];

/// A line, and whether it has a port.
type Choice = (usize, bool);

fn description(lines: &[Choice]) -> String {
    let head = "v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\na=ice-lite\r\n";
    let line = |(number, (line, live)): (usize, &Choice)| {
        LINES[*line].replace("{}", &if *live { 4000 + 2 * number } else { 0 }.to_string())
    };
    head.to_owned() + &lines.iter().enumerate().map(line).collect::<String>()
}

/// What is told, answered with some of its lines declined, its formats in another order, or another kind of line.
fn answered(told: &Bytes, how: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(told).replace("203.0.113.", "10.0.0.");
    let mut how = how.iter().cycle();
    let lines = text.split_inclusive("\r\n").map(|line| {
        let Some(media) = line.strip_prefix("m=") else { return line.to_owned() };
        let fields: Vec<&str> = media.trim_end().splitn(4, ' ').collect();
        let [kind, port, transport, formats] = fields[..] else { return line.to_owned() };
        match how.next().map_or(0, |how| how % 6) {
            0 => format!("m={kind} 0 {transport} {formats}\r\n"),
            1 => format!(
                "m={kind} {port} {transport} {}\r\n",
                formats.split(' ').rev().collect::<Vec<_>>().join(" ")
            ),
            2 => format!("m={kind} {port} {transport} {}\r\n", formats.split(' ').next().unwrap_or("0")),
            3 if kind == "video" => format!("m=audio {port} {transport} {formats}\r\n"),
            _ => line.to_owned(),
        }
    });
    lines.collect::<String>().into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_offered_and_answered_each_side_hears_what_rfc_3264_lets_it(
        secure in any::<bool>(),
        exchanges in prop::collection::vec(
            (0_usize..2, prop::collection::vec((0..LINES.len(), any::<bool>()), 1..6), prop::collection::vec(any::<u8>(), 1..6)),
            1..8,
        ),
    ) {
        let mut dialogs = Dialogs::new(secure);
        for (from, lines, how) in exchanges {
            dialogs.exchange(from, description(&lines).as_bytes(), |told| answered(told, &how));
        }
    }
}

#[test]
fn the_generated_descriptions_come_to_agreements() {
    for (line, agrees) in
        [(0, 1), (1, 1), (2, 1), (3, 1), (4, 0), (5, 0), (6, 0), (7, 0), (8, 1), (9, 0), (10, 0), (11, 0)]
    {
        let mut dialogs = Dialogs::new(false);
        dialogs.exchange(0, description(&[(line, true)]).as_bytes(), Bytes::clone);
        assert_eq!(dialogs.agreed, agrees, "{}", LINES[line]);
    }
}
