//! How well RTP came in at one endpoint, as the datapath has counted it: loss and how it clusters (RFC 3611 section 4.7.2), order,
//! and spacing.
//!
//! A packet that comes too late to be of use counts as lost: what is said here is what a listener heard, not what a network
//! delivered in the end.

/// Buckets of the histogram of spacing: up to 4.2 ms, then up to twice as much each, and 268 ms and more.
pub const SPACING_BUCKETS: usize = 8;

/// What has happened to the RTP of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RtpQuality {
    /// RTP packets that were relayed.
    pub packets: u64,
    /// Packets that never came, or more than 16 packets late.
    pub lost: u64,
    /// Of these, packets that came after all.
    pub too_late: u64,
    /// How many times packets were lost one after the other.
    pub loss_runs: u64,
    /// Packets that came again.
    pub duplicated: u64,
    /// Packets that were overtaken, but came in time.
    pub reordered: u64,
    /// Bursts: losses with fewer than 16 packets between them.
    pub bursts: u64,
    /// Packets that should have come while bursts lasted.
    pub burst_packets: u64,
    /// Of these, packets that were lost.
    pub burst_lost: u64,
    /// Interarrival jitter in microseconds (RFC 3550 section 6.4.1).
    pub jitter_us: u64,
    /// Longest time between two packets in microseconds; silence that a sender suppressed is among it.
    pub largest_gap_us: u64,
    /// Packets by the time since the one before.
    pub spacing: [u64; SPACING_BUCKETS],
}

impl RtpQuality {
    /// Takes in what came in at another endpoint of the same leg. Jitter and gap of the two are the worse ones.
    pub fn add(&mut self, other: &Self) {
        let Self { packets, lost, too_late, loss_runs, duplicated, reordered, .. } = *other;
        self.packets += packets;
        self.lost += lost;
        self.too_late += too_late;
        self.loss_runs += loss_runs;
        self.duplicated += duplicated;
        self.reordered += reordered;
        let Self { bursts, burst_packets, burst_lost, jitter_us, largest_gap_us, spacing, .. } = other;
        self.bursts += bursts;
        self.burst_packets += burst_packets;
        self.burst_lost += burst_lost;
        self.jitter_us = self.jitter_us.max(*jitter_us);
        self.largest_gap_us = self.largest_gap_us.max(*largest_gap_us);
        for (sum, more) in self.spacing.iter_mut().zip(spacing) {
            *sum += more;
        }
    }

    /// Packets that should have come.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        let repeated = self.duplicated.saturating_add(self.too_late);
        self.packets.saturating_sub(repeated).saturating_add(self.lost)
    }

    /// The part of the packets that is lost, 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        part(self.lost, self.expected())
    }

    /// The part that is lost while a burst lasts: burst density (RFC 3611).
    #[must_use]
    pub fn burst_loss(&self) -> f64 {
        part(self.burst_lost, self.burst_packets)
    }

    /// The part that is lost between bursts: gap density (RFC 3611).
    #[must_use]
    pub fn gap_loss(&self) -> f64 {
        let lost = self.lost.saturating_sub(self.burst_lost);
        part(lost, self.expected().saturating_sub(self.burst_packets))
    }

    /// How many times longer runs of losses are than they would be by chance (ITU-T G.107's `BurstR`); at least 1.
    #[must_use]
    pub fn burst_ratio(&self) -> f64 {
        if self.loss_runs == 0 {
            return 1.0;
        }
        (self.lost as f64 / self.loss_runs as f64 * (1.0 - self.loss())).max(1.0)
    }
}

fn part(of: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { of as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_told_apart_by_bursts() {
        // 1,000 packets were sent; 10 of 20 were lost in a burst of two runs, and one by itself.
        let quality = RtpQuality {
            packets: 991,
            lost: 11,
            duplicated: 2,
            loss_runs: 3,
            bursts: 1,
            burst_packets: 20,
            burst_lost: 10,
            ..RtpQuality::default()
        };
        assert_eq!(quality.expected(), 1000);
        assert!((quality.loss() - 0.011).abs() < 1e-9 && (quality.burst_loss() - 0.5).abs() < 1e-9);
        assert!((quality.gap_loss() - 1.0 / 980.0).abs() < 1e-9);
        assert!((quality.burst_ratio() - 11.0 / 3.0 * 0.989).abs() < 1e-9);
        assert!((RtpQuality::default().burst_ratio() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_packet_that_came_too_late_is_lost_once() {
        let quality = RtpQuality { packets: 1000, lost: 1, too_late: 1, ..RtpQuality::default() };
        assert_eq!(quality.expected(), 1000);
    }
}
