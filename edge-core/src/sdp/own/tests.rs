//! Which codecs an offer of ours names, and what its answers offer on.

use crate::policy::{Codec, CodecPolicy};
use crate::sdp::{Offer, SdpError};

fn policy(allow: &[&str], deny: &[&str]) -> CodecPolicy {
    let codecs = |names: &[&str]| names.iter().map(|name| Codec::new(name)).collect();
    CodecPolicy { allow: codecs(allow), deny: codecs(deny) }
}

fn names(offer: &Offer) -> Vec<String> {
    let stream = offer.0[0].stream.as_ref().expect("it can be relayed");
    stream.formats.iter().map(|format| format!("{}/{}", format.encoding, format.payload_type)).collect()
}

#[test]
fn it_has_what_everybody_has_until_somebody_lists_more() {
    let none = CodecPolicy::default();
    assert_eq!(names(&Offer::of_our_own(&none, &none)), ["PCMA/8", "PCMU/0", "telephone-event/101"]);
    let listed = names(&Offer::of_our_own(&policy(&["G729", "PCMU"], &[]), &none));
    assert_eq!(listed[..3], ["G729/18", "PCMU/0", "PCMA/8"], "in the order that is wanted");
    let all = names(&Offer::of_our_own(&none, &policy(&["PCMA"], &[])));
    let mut numbers: Vec<_> = all.iter().filter_map(|name| name.split('/').nth(1)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), all.len(), "no payload type twice: {all:?}");
}

#[test]
fn an_answer_offers_on_what_was_offered_and_no_more() {
    let own = Offer::of_our_own(&CodecPolicy::default(), &CodecPolicy::default());
    let head = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n";
    let events = "a=rtpmap:96 telephone-event/8000\r\n";
    let fax = "m=image 4002 udptl t38\r\n";
    let answered = |media: &str| own.answered_with(format!("{head}{media}").as_bytes());
    for (media, expected) in [
        ("m=audio 4000 RTP/AVP 0\r\n".to_owned(), Ok(vec!["PCMU/0"])),
        (format!("m=audio 4000 RTP/AVP 0 96\r\n{events}"), Ok(vec!["PCMU/0", "telephone-event/96"])),
        ("m=audio 4000 RTP/AVP 18 8\r\n".to_owned(), Ok(vec!["PCMA/8"])),
        (format!("m=audio 4000 RTP/AVP 8\r\n{fax}"), Ok(vec!["PCMA/8"])),
        ("m=audio 4000 RTP/AVP 18\r\n".to_owned(), Err(SdpError::NoCommonCodec)),
        (format!("m=audio 4000 RTP/AVP 96\r\n{events}"), Err(SdpError::NoCommonCodec)),
        (fax.to_owned(), Err(SdpError::NoMedia)),
        ("m=audio 0 RTP/AVP 8\r\n".to_owned(), Err(SdpError::Declined)),
        (String::new(), Err(SdpError::Declined)),
    ] {
        let found = answered(&media).map(|offer| (offer.0.len(), names(&offer)));
        let expected =
            expected.map(|formats| (1, formats.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        assert_eq!(found, expected, "{media}");
    }
}
