//! The examples of RFC 3264 section 10 and RFC 4317, through the edge: video is refused, and so is a second line of speech.

use super::{Call, HEAD, media_lines};

/// What it shows, the lines of the offer, those of the answer, what the other side is told and what the first one hears.
type Example = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const EXAMPLES: &[Example] = &[
    (
        "RFC 3264 10.1: one of two video streams",
        "m=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n\
         m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n",
        "m=audio 49920 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
        &["m=audio 10000 RTP/AVP 0"],
        &["m=audio 10000 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=video 0 RTP/AVP 32"],
    ),
    (
        "RFC 3264 10.2: one of N codecs",
        "m=audio 62986 RTP/AVP 0 4 18\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:4 G723/8000\r\na=rtpmap:18 G729/8000\r\n\
         a=inactive\r\n",
        "m=audio 54344 RTP/AVP 0 4\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:4 G723/8000\r\na=inactive\r\n",
        &["m=audio 10000 RTP/AVP 0 4 18"],
        &["m=audio 10000 RTP/AVP 0 4"],
    ),
    (
        "RFC 4317 2.1: audio and video",
        "m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 iLBC/8000\r\n\
         m=video 51372 RTP/AVP 31 32\r\na=rtpmap:31 H261/90000\r\na=rtpmap:32 MPV/90000\r\n",
        "m=audio 49174 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 49170 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n",
        &["m=audio 10000 RTP/AVP 0 8 97"],
        &["m=audio 10000 RTP/AVP 0", "m=video 0 RTP/AVP 31 32"],
    ),
    (
        "RFC 4317 2.3: the answer has its preference first",
        "m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:97 iLBC/8000\r\n",
        "m=audio 49172 RTP/AVP 97 0 8\r\na=rtpmap:97 iLBC/8000\r\n",
        &["m=audio 10000 RTP/AVP 0 8 97"],
        &["m=audio 10000 RTP/AVP 97 0 8"],
    ),
    (
        "RFC 4317 2.4: two audio streams, the second for digits only",
        "m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:97 iLBC/8000\r\nm=audio 49172 RTP/AVP 98\r\n\
         a=rtpmap:98 telephone-event/8000\r\na=sendonly\r\n",
        "m=audio 49172 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\nm=audio 49174 RTP/AVP 98\r\n\
         a=rtpmap:98 telephone-event/8000\r\na=recvonly\r\n",
        &["m=audio 10000 RTP/AVP 0 8 97"],
        &["m=audio 10000 RTP/AVP 97", "m=audio 0 RTP/AVP 98"],
    ),
    (
        "RFC 4317 2.5: speech with digits beside it",
        "m=audio 49170 RTP/AVP 0 97\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n",
        "m=audio 49172 RTP/AVP 0 97\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n",
        &["m=audio 10000 RTP/AVP 0 97"],
        &["m=audio 10000 RTP/AVP 0 97"],
    ),
];

#[test]
fn the_examples_of_the_rfcs() {
    for (name, offer, answer, told, heard) in EXAMPLES {
        let exchanged = Call::new().exchange(0, &format!("{HEAD}{offer}"), &format!("{HEAD}{answer}"));
        let lines = exchanged.expect(name).map(|text| media_lines(&text));
        assert_eq!(lines, [*told, *heard], "{name}");
    }
}
