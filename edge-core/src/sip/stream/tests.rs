use proptest::prelude::*;

use super::*;

const OPTIONS: &str = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n";

fn message(body: &str) -> String {
    format!("{OPTIONS}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Everything that comes out when the stream arrives in these pieces.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<StreamItem, StreamFault>> {
    let mut decoder = StreamDecoder::default();
    let mut items = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        items.extend(std::iter::from_fn(|| decoder.next()));
    }
    items
}

fn whole(stream: &str) -> Vec<Result<StreamItem, StreamFault>> {
    decode([stream.as_bytes()])
}

fn item(text: &str) -> Result<StreamItem, StreamFault> {
    Ok(StreamItem::Message(Bytes::copy_from_slice(text.as_bytes())))
}

#[test]
fn messages_follow_each_other_with_and_without_line_ends_between() {
    let (first, second) = (message(""), message("v=0\r\n\r\n"));
    assert_eq!(whole(&format!("{first}{second}")), [item(&first), item(&second)]);
    assert_eq!(whole(&format!("\r\n{first}\r\n{second}")), [item(&first), item(&second)]);
    assert_eq!(whole(&message("")[..40]), []);
}

#[test]
fn a_compact_content_length_counts() {
    let text = format!("{OPTIONS}l: 2\r\n\r\nab");
    assert_eq!(whole(&text), [item(&text)]);
}

#[test]
fn two_line_ends_ask_for_a_pong_and_one_is_one() {
    assert_eq!(whole("\r\n\r\n"), [Ok(StreamItem::Ping)]);
    assert_eq!(whole("\r\n"), []);
    let text = message("");
    assert_eq!(whole(&format!("\r\n\r\n\r\n{text}")), [Ok(StreamItem::Ping), item(&text)]);
}

#[test]
fn a_head_that_does_not_say_where_the_message_ends_is_the_last() {
    for length in ["", "Content-Length: x\r\n", "Content-Length: 70000\r\n", "l: 1\r\nl: 2\r\n"] {
        let head = format!("{OPTIONS}{length}\r\n");
        let fault = StreamFault::Unframed { head: Bytes::from(head.clone()) };
        assert_eq!(whole(&format!("{head}{}", message(""))), [Err(fault)], "{length}");
    }
}

#[test]
fn what_is_not_sip_is_a_fault_as_soon_as_it_shows() {
    for garbage in
        ["GET / HTTP/1.1\r\n", "\n", "\rx", "\u{16}\u{3}\u{1}\r", "OPTIONS sip:a SIP/2.0\r\nno colon\r\n\r\n"]
    {
        assert_eq!(whole(garbage), [Err(StreamFault::Garbage)], "{garbage:?}");
    }
}

#[test]
fn heads_have_bounds() {
    assert_eq!(whole(&"a".repeat(8_193)), [Err(StreamFault::HeadTooLong)]);
    let endless = format!("{OPTIONS}{}", "X: y\r\n".repeat(HEAD_BYTES_MAX / 6));
    assert_eq!(whole(&endless), [Err(StreamFault::HeadTooLong)]);
}

#[test]
fn nothing_comes_after_a_fault() {
    let mut decoder = StreamDecoder::default();
    decoder.push(b"\n");
    assert!(matches!(decoder.next(), Some(Err(StreamFault::Garbage))));
    decoder.push(message("").as_bytes());
    assert_eq!(decoder.next(), None);
    assert!(!decoder.is_within_message());
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z\r\n]{0,40}".prop_map(|body| message(&body)),
        2 => Just("\r\n".to_owned()),
        1 => Just(format!("{OPTIONS}\r\n")),
        1 => "[ -~\r\n]{0,30}",
    ]
}

proptest! {
    #[test]
    fn any_split_gives_the_same(pieces in prop::collection::vec(piece(), 1..8), cuts in prop::collection::vec(1_usize..60, 1..40)) {
        let stream = pieces.concat().into_bytes();
        let mut rest = &stream[..];
        let mut parts = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, behind) = rest.split_at((*cut).min(rest.len()));
            parts.push(part);
            rest = behind;
        }
        prop_assert_eq!(decode(parts), decode([&stream[..]]));
        prop_assert_eq!(decode(stream.chunks(1)), decode([&stream[..]]));
    }
}
