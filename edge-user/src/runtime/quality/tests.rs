use edge_core::media::{MediaReport, Reported, RtpQuality};

use super::{Observed, Quality};
use crate::cdr::tests::record;

fn media(packets: u64, lost: u64, reported: Reported) -> MediaReport {
    let rtp = RtpQuality {
        packets,
        lost,
        jitter_us: 3_000,
        spacing: [0, 0, 0, packets, 0, 0, 0, 0],
        ..RtpQuality::default()
    };
    MediaReport { packets, rtp, reported, ..MediaReport::default() }
}

/// Buckets that have something in them.
fn filled(observed: &Observed) -> Vec<(usize, u64)> {
    observed.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn a_call_counts_once_for_each_of_its_trunks() {
    let quality = Quality::default();
    let mut call = record();
    call.a.media = media(990, 10, Reported::default());
    let reported = Reported {
        reports: 3,
        lost: 80,
        jitter_us: 45_000,
        round_trip_us: Some(150_000),
        ..Reported::default()
    };
    if let Some(b) = &mut call.b {
        b.media = media(1000, 0, reported);
    }
    quality.observe(&call);
    quality.observe(&call);
    let [carrier, pbx] = ["carrier", "pbx"].map(|name| quality.of(name).unwrap());
    // 3 ms is up to 5, a hundredth is just that, 45 ms is up to 50, 8 % is up to 10, 150 ms is just that.
    assert_eq!(filled(&carrier.received.jitter_us), [(2, 2)]);
    assert_eq!((filled(&carrier.received.loss_ppm), carrier.received.loss_ppm.sum), (vec![(3, 2)], 20_000));
    assert_eq!((filled(&carrier.reported.loss_ppm), carrier.spacing[3]), (vec![], 1980));
    assert_eq!(filled(&pbx.received.loss_ppm), [(0, 2)]);
    assert_eq!(
        (filled(&pbx.reported.jitter_us), filled(&pbx.reported.loss_ppm)),
        (vec![(6, 2)], vec![(6, 2)])
    );
    assert_eq!((filled(&pbx.round_trip_us), pbx.round_trip_us.sum), (vec![(6, 2)], 300_000));
    assert_eq!(quality.of("another"), None);
}

#[test]
fn what_is_too_short_to_tell_is_not_counted() {
    let quality = Quality::default();
    let mut call = record();
    call.a.media = media(20, 20, Reported::default());
    call.b = None;
    quality.observe(&call);
    let carrier = quality.of("carrier").unwrap();
    assert_eq!((filled(&carrier.received.loss_ppm), carrier.spacing[3]), (vec![], 20));
    call.a.media = MediaReport::default();
    call.a.trunk = "silent".to_owned();
    quality.observe(&call);
    assert_eq!(quality.of("silent"), None);
}

#[test]
fn what_is_above_all_ends_is_in_the_last_bucket() {
    let mut observed = Observed::new(&super::JITTER_US);
    [200_000, 200_001, u64::MAX].into_iter().for_each(|value| observed.observe(value));
    assert_eq!((filled(&observed), observed.sum), (vec![(8, 1), (9, 2)], u64::MAX));
}
