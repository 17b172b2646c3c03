use super::*;
use edge_core::policy::{RealmId, ToneCountry};

fn playing() -> Playing {
    let country = ToneCountry::named("gb").unwrap();
    let tone = Tone {
        realm: RealmId::new(0),
        local: "192.0.2.1:20000".parse().unwrap(),
        remote: "198.51.100.7:6000".parse().unwrap(),
        dscp: None,
        country,
        law: Law::Mu,
        payload_type: 0,
        ssrc: 0x0102_0304,
        sequence: u16::MAX,
        timestamp: u32::MAX - 159,
    };
    let samples = Samples::default().of(country, Law::Mu);
    Playing { tone, samples, at: 0, first: true, over_at: clock::now() }
}

#[test]
fn packets_count_on_over_the_ends_of_their_numbers_and_the_period_comes_again() {
    let mut playing = playing();
    let samples = Arc::clone(&playing.samples);
    let packets: Vec<Bytes> = (0..samples.len() / PACKET_OCTETS + 1).map(|_| playing.packet()).collect();
    assert_eq!(
        packets[0][UDP_BYTES..UDP_BYTES + RTP_BYTES],
        [0x80, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0x60, 1, 2, 3, 4]
    );
    assert_eq!(packets[1][UDP_BYTES..UDP_BYTES + RTP_BYTES], [0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    let payload = |packet: &Bytes| packet[UDP_BYTES + RTP_BYTES..].to_vec();
    let played: Vec<u8> = packets.iter().flat_map(payload).collect();
    assert_eq!(played[..samples.len()], samples[..]);
    assert_eq!(played[samples.len()..], samples[..PACKET_OCTETS], "again from its beginning");
    assert!(packets.iter().all(|packet| packet.len() == UDP_BYTES + RTP_BYTES + PACKET_OCTETS));
}

#[test]
fn what_cannot_be_ordered_is_counted_and_nobody_waits_for_a_thread_that_has_gone() {
    let (tones, waiting) = queue();
    let tone = playing().tone;
    for call in 0..ORDERS_MAX as u64 + 3 {
        tones.play(CallKey::from_number(call), tone);
    }
    assert_eq!(tones.played.refused.load(Ordering::Relaxed), 3);
    drop(waiting);
    tones.stop(CallKey::from_number(0));
}
