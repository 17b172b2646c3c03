//! Offers and answers through the edge: whole texts, policies, holds, m= lines, and what must not leak.

mod beside;
mod fax;
mod handshake;
mod rfc;

use std::net::SocketAddr;

use super::{MediaLines, Proposal};
use crate::policy::{Codec, RealmId, Srtp, Trunk};
use crate::sdp::{Answer, MediaStream, Offer, Origin, Protocol, SdpError, Terms};

const OFFER: &str = "v=0\r\n\
    o=carrier 71 3 IN IP4 198.51.100.66\r\n\
    s=secret\r\n\
    i=198.51.100.66\r\n\
    u=http://198.51.100.66/\r\n\
    e=a@198.51.100.66\r\n\
    p=+1 198\r\n\
    c=IN IP4 198.51.100.66\r\n\
    b=AS:80\r\n\
    t=0 0\r\n\
    k=clear:x\r\n\
    a=tool:198.51.100.66\r\n\
    m=video 40000 RTP/AVP 97\r\n\
    a=rtpmap:97 H264/90000\r\n\
    m=audio 30000 RTP/AVP 8 0 18 101\r\n\
    b=AS:64\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:18 G729/8000\r\n\
    a=fmtp:18 annexb=no\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=rtcp:30011 IN IP4 198.51.100.67\r\n\
    a=candidate:1 1 UDP 1 198.51.100.66 30000 typ host\r\n\
    a=ice-ufrag:x\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n\
    a=fingerprint:sha-256 AA\r\n\
    a=setup:actpass\r\n\
    a=rtcp-mux\r\n\
    a=X-nat:198.51.100.66\r\n\
    a=ptime:20\r\n\
    a=maxptime:40\r\n";

const ANSWER: &str = "v=0\r\no=pbx 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 0 101 96\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
    a=rtpmap:96 opus/48000/2\r\na=ptime:30\r\n";

const FAX: &str = "m=image 30004 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

/// What near and far allow, what far denies, and the formats that are offered on.
type PolicyRow<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], Result<&'a str, SdpError>);

/// Two legs, and what has been agreed on so far.
struct Call {
    trunks: [Trunk; 2],
    lines: MediaLines,
}

impl Call {
    fn new() -> Self {
        let trunk = |name| Trunk::new(name, RealmId::new(0), SocketAddr::from(([192, 0, 2, 1], 5060)));
        Self { trunks: [trunk("a"), trunk("b")], lines: MediaLines::default() }
    }

    fn between(near: (&[&str], &[&str]), far: (&[&str], &[&str])) -> Self {
        let mut call = Self::new();
        let codecs = |names: &[&str]| names.iter().map(|name| Codec::new(name)).collect();
        for (trunk, (allow, deny)) in call.trunks.iter_mut().zip([near, far]) {
            (trunk.codecs.allow, trunk.codecs.deny) = (codecs(allow), codecs(deny));
        }
        call
    }

    fn secure() -> Self {
        let mut call = Self::new();
        for trunk in &mut call.trunks {
            trunk.srtp = Srtp::Passthrough;
        }
        call
    }

    /// What the other leg is offered, and the offer on its way.
    fn offer(&self, from: usize, text: &str) -> Result<(Proposal, String), SdpError> {
        let terms = Terms::between(&self.trunks[from], &self.trunks[1 - from]);
        let proposal = self.lines.propose(from, Offer::parse(text.as_bytes())?, &terms, anywhere)?;
        let told = proposal.offer_to(origin(1 - from), |stream| Some(local(1 - from, stream)));
        Ok((proposal, String::from_utf8(told.to_vec()).expect("we write text")))
    }

    /// An offer and its answer: what each leg hears.
    fn exchange(&mut self, from: usize, offer: &str, answer: &str) -> Result<[String; 2], SdpError> {
        let (proposal, told) = self.offer(from, offer)?;
        let agreement = proposal.agree(&Answer::parse(answer.as_bytes())?, anywhere)?;
        let heard = agreement.answer_to(origin(from), |stream| Some(local(from, stream)));
        self.lines = agreement.lines();
        Ok([told, String::from_utf8(heard.to_vec()).expect("we write text")])
    }
}

#[test]
fn an_offer_is_told_as_ours_and_leaks_nothing() {
    let (_, ours) = Call::new().offer(0, OFFER).expect("a common codec");
    let expected = "v=0\r\n\
        o=- 5 6 IN IP4 203.0.113.2\r\n\
        s=-\r\n\
        c=IN IP4 203.0.113.2\r\n\
        t=0 0\r\n\
        m=audio 10000 RTP/AVP 8 0 18 101\r\n\
        b=AS:64\r\n\
        a=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:18 G729/8000\r\n\
        a=fmtp:18 annexb=no\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-16\r\n\
        a=ptime:20\r\n\
        a=maxptime:40\r\n\
        a=rtcp-mux\r\n\
        a=sendrecv\r\n";
    assert_eq!(ours, expected);
}

#[test]
fn an_answer_has_the_lines_of_the_offer() {
    let [_, answered] = Call::new().exchange(0, OFFER, ANSWER).expect("a common codec");
    let expected = "v=0\r\n\
        o=- 5 6 IN IP4 203.0.113.1\r\n\
        s=-\r\n\
        c=IN IP4 203.0.113.1\r\n\
        t=0 0\r\n\
        m=video 0 RTP/AVP 97\r\n\
        m=audio 10000 RTP/AVP 0 101\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\n\
        a=ptime:30\r\n\
        a=rtcp-mux\r\n\
        a=sendrecv\r\n";
    assert_eq!(answered, expected);
}

#[test]
fn formats_follow_both_policies_and_the_far_preference() {
    let table: [PolicyRow; 13] = [
        (&[], &[], &[], Ok("8 0 18 101")),
        (&["PCMU", "PCMA"], &[], &[], Ok("8 0")),
        (&[], &["telephone-event", "pcmu", "PCMA"], &[], Ok("0 8 101")),
        (&["G729", "PCMA"], &["PCMA", "PCMU"], &[], Ok("8")),
        (&[], &[], &["G729", "telephone-event"], Ok("8 0")),
        (&["telephone-event"], &[], &[], Err(SdpError::NoCommonCodec)),
        (&["PCMA"], &["PCMU"], &[], Err(SdpError::NoCommonCodec)),
        (&["*"], &["G729", "*"], &[], Ok("18 8 0 101")),
        (&["*"], &["telephone-event", "pcm*"], &[], Ok("8 0 101")),
        (&[], &[], &["tele*", "G7*"], Ok("8 0")),
        (&["pcmu", "g*"], &[], &["PCM*"], Ok("18")),
        (&[], &["AMR*"], &[], Err(SdpError::NoCommonCodec)),
        (&["CN", "telephone-event"], &["*"], &[], Err(SdpError::NoCommonCodec)),
    ];
    for (near, far, deny, expected) in table {
        let formats =
            Call::between((near, &[]), (far, deny)).offer(0, OFFER).map(|(_, text)| audio_formats(&text));
        assert_eq!(formats, expected.map(str::to_owned), "{near:?} {far:?} {deny:?}");
    }
}

#[test]
fn events_go_with_the_codec_of_their_clock_and_copies_with_what_they_copy() {
    let offer = |formats: &str| {
        format!(
            "{HEAD}m=audio 4000 RTP/AVP {formats}\r\na=rtpmap:96 AMR-WB/16000\r\na=rtpmap:97 telephone-event/16000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=rtpmap:120 red/8000\r\na=fmtp:120 8/8\r\na=rtpmap:121 red/8000\r\n\
             a=fmtp:121 96/96\r\n"
        )
    };
    let table = [
        ("96 8 97 101", "AMR-WB", "8 101"),
        ("96 8 97 101", "PCMA", "96 97"),
        ("8 101 97", "G722", "8 101 97"),
        ("96 8 101", "PCMU", "96 8 101"),
        ("96 101", "PCMA", "96 101"),
        ("96 8 120 121", "AMR-WB", "8 120"),
        ("96 8 120 121", "PCMU", "96 8 120 121"),
    ];
    for (formats, denied, expected) in table {
        let (_, told) =
            Call::between((&[], &[denied]), (&[], &[])).offer(0, &offer(formats)).expect("a codec");
        assert_eq!(audio_formats(&told), expected, "{formats} without {denied}");
    }
}

/// What the far side allows and denies, what it is offered, and whether annexb and the events are in it.
type SaidRow<'a> = (&'a [&'a str], &'a [&'a str], &'a str, bool, bool);

#[test]
fn what_is_said_of_a_codec_crosses_with_it_and_goes_with_it() {
    let offer = format!(
        "{HEAD}m=audio 4000 RTP/AVP 18 0 13 101\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-16\r\na=ptime:40\r\na=maxptime:60\r\n"
    );
    let table: [SaidRow; 5] = [
        (&[], &[], "18 0 13 101", true, true),
        (&[], &["G729"], "0 13 101", false, true),
        (&["G729"], &[], "18", true, false),
        (&[], &["CN"], "18 0 101", true, true),
        (&["PCMU", "G729", "CN"], &[], "0 18 13", true, false),
    ];
    for (allow, deny, formats, annexb, events) in table {
        let (_, told) = Call::between((&[], &[]), (allow, deny)).offer(0, &offer).expect("a codec");
        assert_eq!(audio_formats(&told), formats, "{allow:?} {deny:?}");
        assert_eq!(told.contains("a=fmtp:18 annexb=no\r\n"), annexb, "{told}");
        assert_eq!(told.contains("a=fmtp:101 0-16\r\n"), events, "{told}");
        assert!(told.contains("a=ptime:40\r\n") && told.contains("a=maxptime:60\r\n"), "{told}");
    }
}

#[test]
fn an_answer_may_use_what_was_offered_only_and_number_it_anew() {
    let table = [
        ("0", "", Ok("0")),
        ("18 8", "", Ok("18 8")),
        ("96 0", "", Ok("0")),
        ("8 99", "a=rtpmap:99 telephone-event/8000\r\n", Ok("8 101")),
        ("98", "a=rtpmap:98 pcma/8000/1\r\n", Ok("8")),
        ("98 8", "a=rtpmap:98 PCMA/16000\r\n", Ok("8")),
        ("3", "", Err(SdpError::NoCommonCodec)),
        ("101", "", Err(SdpError::NoCommonCodec)),
    ];
    for (formats, map, expected) in table {
        let text = ANSWER.replace("0 101 96", formats) + map;
        let heard = Call::new().exchange(0, OFFER, &text);
        assert_eq!(heard.map(|[_, text]| audio_formats(&text)), expected.map(str::to_owned), "{formats}");
    }
    let denied = Call::between((&["G729"], &[]), (&[], &[])).exchange(0, OFFER, ANSWER);
    assert_eq!(denied, Err(SdpError::NoCommonCodec));
}

#[test]
fn hold_and_resume_pass_both_ways() {
    let table = [
        ("sendonly", "recvonly", "recvonly"),
        ("inactive", "inactive", "inactive"),
        ("sendonly", "sendrecv", "recvonly"),
        ("sendrecv", "sendrecv", "sendrecv"),
    ];
    for (offered, answered, expected) in table {
        let (offer, answer) = (format!("{OFFER}a={offered}\r\n"), format!("{ANSWER}a={answered}\r\n"));
        let [told, heard] = Call::new().exchange(0, &offer, &answer).expect("a common codec");
        assert_eq!(last_line(&told), format!("a={offered}"));
        assert_eq!(last_line(&heard), format!("a={expected}"), "{offered} {answered}");
    }
    let old = OFFER.replace("c=IN IP4 198.51.100.66", "c=IN IP4 0.0.0.0");
    let (_, ours) = Call::new().offer(0, &old).expect("a common codec");
    assert_eq!(last_line(&ours), "a=sendonly");
}

#[test]
fn a_dialog_keeps_its_lines() {
    let mut call = Call::new();
    call.exchange(0, OFFER, ANSWER).expect("a common codec");
    let from_b = ANSWER.replace("pbx 1 1", "pbx 1 2");
    let (_, told) = call.offer(1, &from_b).expect("a common codec");
    assert_eq!(media_lines(&told), ["m=video 0 RTP/AVP 97", "m=audio 10000 RTP/AVP 0 101 96"]);
    let [_, heard] = call.exchange(1, &from_b, &told).expect("a common codec");
    assert_eq!(media_lines(&heard), ["m=audio 10000 RTP/AVP 0 101 96"]);
}

#[test]
fn a_line_that_a_peer_forgets_is_not_lost_to_the_other() {
    let mut call = Call::new();
    let both = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n{FAX}");
    let speech = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n");
    call.exchange(0, &both, &both).expect("both");
    let [told, heard] = call.exchange(0, &speech, &both).expect("speech");
    assert_eq!(media_lines(&told), ["m=audio 10000 RTP/AVP 8", "m=image 0 udptl t38"]);
    assert_eq!(media_lines(&heard), ["m=audio 10000 RTP/AVP 8"]);
    let [told, heard] = call.exchange(0, &both, &both).expect("both");
    assert_eq!(
        [media_lines(&told), media_lines(&heard)].concat(),
        [media_lines(&told), media_lines(&told)].concat()
    );
    assert_eq!(call.lines.streams(), 2, "the old stream came back");
}

#[test]
fn a_refused_offer_changes_no_line() {
    let mut call = Call::new();
    let speech = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n");
    call.exchange(0, &speech, &speech).expect("speech");
    let before = call.lines.clone();
    call.offer(0, &format!("{HEAD}{FAX}")).expect("an offer that nobody answers");
    assert_eq!(call.lines, before);
}

#[test]
fn all_streams_may_be_declined() {
    let call = Call::new();
    let (proposal, _) = call.offer(0, OFFER).expect("speech");
    let declined = ANSWER.replace("m=audio 20000", "m=audio 0");
    let agreement = proposal.agree(&Answer::parse(declined.as_bytes()).expect("an answer"), anywhere);
    let agreement = agreement.expect("to decline is an answer");
    assert!(agreement.is_empty() && agreement.codec_name().is_none());
    let heard = agreement.answer_to(origin(0), |_| None);
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert_eq!(media_lines(&heard), ["m=video 0 RTP/AVP 97", "m=audio 0 RTP/AVP 8 0 18 101"]);
}

#[test]
fn an_answer_to_something_else_is_refused() {
    let table = [
        (ANSWER.replace("m=audio", "m=video"), None),
        (ANSWER.replace("RTP/AVP", "udptl"), Some(SdpError::NoMedia)),
        (
            ANSWER.replace("RTP/AVP", "RTP/SAVP"),
            Some(SdpError::Answered { offered: Protocol::Avp, answered: Protocol::Savp }),
        ),
        (ANSWER.replace("10.0.0.9", "localhost"), Some(SdpError::HostName)),
    ];
    for (text, error) in table {
        let (proposal, _) = Call::new().offer(0, OFFER).expect("speech");
        let agreed = proposal.agree(&Answer::parse(text.as_bytes()).expect("an answer"), anywhere);
        match error {
            Some(error) => assert_eq!(agreed.err(), Some(error), "{text}"),
            None => assert!(agreed.expect("another kind is no answer").is_empty(), "{text}"),
        }
    }
}

#[test]
fn the_codec_of_a_call_is_the_first_that_speaks() {
    let codec = |offer: &str, answer: &str| {
        let (proposal, _) = Call::new().offer(0, offer).expect("an offer");
        let agreement = proposal.agree(&Answer::parse(answer.as_bytes()).expect("an answer"), anywhere);
        agreement.expect("an agreement").codec_name().map(str::to_owned)
    };
    assert_eq!(codec(OFFER, &ANSWER.replace("0 101 96", "101 0")).as_deref(), Some("PCMU"));
    let fax = format!("{HEAD}{FAX}");
    assert_eq!(codec(&fax, &fax).as_deref(), Some("T38"));
}

#[test]
fn ipv6_legs_are_described_with_ip6() {
    let (proposal, _) = Call::new().offer(0, OFFER).expect("a common codec");
    let local: SocketAddr = "[2001:db8::7]:10000".parse().expect("an address");
    let ours = proposal.offer_to(Origin { address: local.ip(), ..origin(1) }, |_| Some(local));
    let ours = String::from_utf8_lossy(&ours);
    assert!(ours.contains("\r\nc=IN IP6 2001:db8::7\r\n"), "{ours}");
}

#[test]
fn a_stream_with_an_address_of_its_own_says_so() {
    let both = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n{FAX}");
    let (proposal, _) = Call::new().offer(0, &both).expect("both");
    let ours = proposal.offer_to(origin(1), |stream| {
        Some(if stream == 0 { local(1, 0) } else { SocketAddr::from(([203, 0, 113, 99], 10_002)) })
    });
    let ours = String::from_utf8_lossy(&ours);
    assert!(ours.contains("t=0 0\r\nm=audio 10000 RTP/AVP 8\r\na=sendrecv\r\nm=image 10002 udptl t38\r\nc=IN IP4 203.0.113.99\r\n"), "{ours}");
}

const HEAD: &str = "v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n";

fn origin(leg: usize) -> Origin {
    Origin { address: local(leg, 0).ip(), session_id: 5, version: 6 }
}

fn local(leg: usize, stream: usize) -> SocketAddr {
    let number = |value: usize| u16::try_from(value).expect("a small number");
    let host = [1, 2][leg];
    SocketAddr::from(([203, 0, 113, host], 10_000 + 2 * number(stream)))
}

fn anywhere(_: &MediaStream) -> Result<(), SdpError> {
    Ok(())
}

fn media_lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
}

fn audio_formats(text: &str) -> String {
    let lines = media_lines(text);
    let audio = lines.iter().find(|line| line.starts_with("m=audio")).expect("an audio line");
    audio.splitn(4, ' ').nth(3).expect("formats").to_owned()
}

fn last_line(text: &str) -> String {
    text.lines().last().expect("lines").to_owned()
}
