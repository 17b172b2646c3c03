use edge_core::media::{MediaReport, Reported, RtpQuality};

use super::{Trouble, troubles};
use crate::diagnosis::tests::{call, start};

fn good() -> MediaReport {
    MediaReport {
        packets: 600,
        rtp: RtpQuality { packets: 600, ..RtpQuality::default() },
        ..MediaReport::default()
    }
}

fn dropped(reason: &'static str) -> MediaReport {
    MediaReport { drops: vec![(reason, 700)], ..good() }
}

#[test]
fn a_side_is_in_trouble_by_what_came_whichever_stream_it_came_by() {
    let lossy = MediaReport { rtp: RtpQuality { packets: 590, lost: 10, ..RtpQuality::default() }, ..good() };
    let deaf = MediaReport { reported: Reported { reports: 1, lost: 60, ..Reported::default() }, ..good() };
    let table = [
        (good(), vec![]),
        (dropped("unexpected_source"), vec![Trouble::ADropped]),
        // The other side is on hold, or has given up one of its lines.
        (dropped("no_remote"), vec![]),
        (lossy, vec![Trouble::ALossy]),
        (deaf, vec![Trouble::AHearsLoss]),
    ];
    for (a, expected) in table {
        assert_eq!(troubles(&call(start()), Some(&[a.clone(), good()])), expected, "{a:?}");
    }
}

#[test]
fn a_loss_that_came_here_already_is_not_told_twice() {
    let lossy = MediaReport { rtp: RtpQuality { packets: 540, lost: 60, ..RtpQuality::default() }, ..good() };
    let told = MediaReport { reported: Reported { reports: 1, lost: 60, ..Reported::default() }, ..good() };
    assert_eq!(troubles(&call(start()), Some(&[lossy, told])), [Trouble::ALossy]);
}
