use super::{Shard, tag_number};

fn invite(call_id_line: &str) -> Vec<u8> {
    format!("INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n{call_id_line}\r\nCSeq: 1 INVITE\r\n\r\nCall-ID: body\r\n")
        .into_bytes()
}

#[test]
fn all_spellings_of_a_call_id_go_to_one_shard() {
    let shard = Shard::of_call_id(b"abc@host", 7);
    for line in ["Call-ID: abc@host", "call-id:abc@host", "CALL-ID :  abc@host ", "i: abc@host"] {
        assert_eq!(Shard::of_datagram(&invite(line), 7), shard, "{line}");
    }
}

#[test]
fn our_own_call_ids_name_their_shard() {
    for index in 0..16 {
        let call_id = format!("{:032x}-{index:02x}", 0x1234_u32);
        assert_eq!(Shard::of_call_id(call_id.as_bytes(), 16), index);
    }
}

#[test]
fn a_forged_shard_number_stays_in_range() {
    let forged = format!("{:032x}-ff", 0);
    assert!(Shard::of_call_id(forged.as_bytes(), 4) < 4);
}

#[test]
fn a_body_is_not_searched() {
    assert_eq!(Shard::of_datagram(&invite("X: y"), 16), 0);
}

#[test]
fn one_carrier_uses_every_shard() {
    let mut calls = [0_u32; 8];
    for number in 0..8000 {
        calls[Shard::of_call_id(format!("{number}-4711@192.0.2.1").as_bytes(), 8)] += 1;
    }
    assert!(calls.iter().all(|calls| (700..1300).contains(calls)), "{calls:?}");
}

#[test]
fn only_sixteen_digits_are_a_tag_of_ours() {
    assert_eq!(tag_number(b"00000000000000ff"), Some(255));
    for tag in [&b""[..], b"ff", b"00000000000000fg", b"000000000000000ff"] {
        assert_eq!(tag_number(tag), None);
    }
}
