//! Histograms, as Prometheus counts them: each bucket has all that is in those before it.

use edge_core::policy::Policy;
use edge_ebpf::stats::bucket_end_ns;

use super::Text;
use crate::datapath::AddedLatency;
use crate::runtime::{Observed, Quality, TrunkQuality, Way};

/// Added latencies are told by powers of two, from 128 ns to a second: quarters of them would be a hundred series a device.
const LATENCY_POWERS: std::ops::RangeInclusive<u32> = 7..=30;

/// A histogram of a trunk's calls: its name, what it says, the parts of its unit in one, and which it is.
type OfWay = (&'static str, &'static str, f64, fn(&Way) -> &Observed);

const OF_WAYS: [OfWay; 2] = [
    (
        "edge_trunk_jitter_seconds",
        "Jitter of each side of the calls that have ended: as it came from the trunk, and as the trunk reports of what it was sent.",
        1e6,
        |way| &way.jitter_us,
    ),
    (
        "edge_trunk_loss_ratio",
        "The part of its packets that each side of a call has lost, of those that have ended: on the way from the trunk, and by the \
         trunk's own report of what it was sent.",
        1e6,
        |way| &way.loss_ppm,
    ),
];

impl Text {
    /// How long packets take, by device.
    pub(super) fn latencies(&mut self, latencies: &[AddedLatency]) {
        let name = "edge_added_latency_seconds";
        self.family(
            name,
            "histogram",
            "From a relayed packet's arrival until it left, by the device it came in by; of each 64 packets one is measured.",
        );
        for AddedLatency { device, sum_ns, buckets } in latencies {
            let up_to = |end_ns: u64| {
                buckets.iter().filter(|(ns, _)| *ns < end_ns).map(|(_, packets)| packets).sum::<u64>()
            };
            let ends = LATENCY_POWERS.map(|power| 1_u64 << power);
            let counted = ends.map(|end_ns| (end_ns as f64 / 1e9, up_to(end_ns)));
            let all = buckets.iter().map(|(_, packets)| packets).sum();
            self.histogram(name, &[("device", device)], counted, (Some(*sum_ns as f64 / 1e9), all));
        }
    }

    /// How the calls of the trunks have sounded that are over.
    pub(super) fn quality(&mut self, policy: &Policy, quality: &Quality) {
        let heard: Vec<(&str, TrunkQuality)> = policy
            .trunks
            .iter()
            .filter_map(|trunk| Some((trunk.name.as_str(), quality.of(&trunk.name)?)))
            .collect();
        for (name, help, parts, which) in OF_WAYS {
            self.family(name, "histogram", help);
            for (trunk, of) in &heard {
                for (direction, way) in [("received", &of.received), ("reported", &of.reported)] {
                    self.observed(name, &[("trunk", trunk), ("direction", direction)], which(way), parts);
                }
            }
        }
        let name = "edge_trunk_round_trip_seconds";
        self.family(
            name,
            "histogram",
            "Round trip between the edge and the trunk's media, by RTCP, of each call that has ended.",
        );
        for (trunk, of) in &heard {
            self.observed(name, &[("trunk", trunk)], &of.round_trip_us, 1e6);
        }
        let name = "edge_trunk_packet_spacing_seconds";
        self.family(
            name,
            "histogram",
            "RTP packets that came from the trunk, by the time since the one before, of calls that have ended; their sum is not kept.",
        );
        for (trunk, of) in &heard {
            self.spacing(name, trunk, &of.spacing);
        }
    }

    fn spacing(&mut self, name: &str, trunk: &str, counts: &[u64]) {
        let mut sum = 0;
        let summed = counts.iter().enumerate().map(|(bucket, count)| {
            sum += count;
            (bucket_end_ns(bucket), sum)
        });
        let counted: Vec<_> = summed.filter_map(|(end, sum)| end.map(|ns| (ns as f64 / 1e9, sum))).collect();
        self.histogram(name, &[("trunk", trunk)], counted.into_iter(), (None, counts.iter().sum()));
    }

    fn observed(&mut self, name: &str, labels: &[(&str, &str)], observed: &Observed, parts: f64) {
        let Observed { ends, counts, sum } = observed;
        let all: u64 = counts.iter().sum();
        // A trunk that says nothing of what it was sent is left out.
        if all == 0 {
            return;
        }
        let mut below = 0;
        let counted = ends.iter().zip(counts).map(|(end, count)| {
            below += count;
            (*end as f64 / parts, below)
        });
        self.histogram(name, labels, counted, (Some(*sum as f64 / parts), all));
    }

    /// Buckets by where they end, with all that is in those before; then the sum, if it is known, and the number of all.
    fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        counted: impl Iterator<Item = (f64, u64)>,
        (sum, all): (Option<f64>, u64),
    ) {
        let bucket = format!("{name}_bucket");
        let with = |end: &'_ str, text: &mut Self, count: u64| {
            let mut labels = labels.to_vec();
            labels.push(("le", end));
            text.sample(&bucket, &labels, count);
        };
        for (end, count) in counted {
            with(&end.to_string(), self, count);
        }
        with("+Inf", self, all);
        if let Some(sum) = sum {
            self.sample(&format!("{name}_sum"), labels, sum);
        }
        self.sample(&format!("{name}_count"), labels, all);
    }
}
