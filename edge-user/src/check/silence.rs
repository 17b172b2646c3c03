//! What is done about sides that are not heard, in words.

use std::fmt::{self, Formatter};
use std::time::Duration;

use edge_core::policy::{Silence, SilenceEnds, Trunk};

use super::row;

/// What is not as it is by default.
pub(super) fn of_trunk(f: &mut Formatter<'_>, trunk: &Trunk) -> fmt::Result {
    let Silence { after, ends, end_after } = trunk.media.silence;
    if trunk.media.silence == Silence::default() {
        return Ok(());
    }
    let seconds = |time: Duration| humantime::format_duration(time).to_string();
    let told = after
        .map_or_else(|| "is not told of".to_owned(), |after| format!("is told of after {}", seconds(after)));
    let ended = match ends {
        SilenceEnds::None => "ends no call".to_owned(),
        SilenceEnds::Dead => {
            format!("ends a call when neither side has sent RTP or RTCP for {}", seconds(end_after))
        }
        SilenceEnds::OneWay => {
            format!("ends a call when it has sent no RTP and no RTCP for {}", seconds(end_after))
        }
    };
    row(f, "its silence", format_args!("{told}, {ended}"))
}
