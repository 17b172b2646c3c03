//! A capture of one call's media: what its datapath saw and decided, as a file that Wireshark opens.
//!
//! A frame is in it as it came in, with what was decided as its comment ("dropped: unexpected_source"), and once more as it
//! left, when it was relayed. [`Recorder`] puts both together; it is pure, and [`pcapng`] writes.
//!
//! Invariant: it ends by itself: after so long, after so many frames, with its call, or when nobody listens any more.

mod pcapng;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use edge_ebpf::verdict::CounterKind;

use crate::datapath::{Attached, Tapped};

/// Frames whose verdict is waited for: those that other processors are at.
const WAITING_MAX: usize = 64;

/// Longest that a capture may run.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Frames that a capture has at most: a gigabyte of them.
pub const FRAMES_MAX: u64 = 4_000_000;

/// Makes a file of what a tap gives.
#[derive(Debug)]
pub struct Recorder {
    /// Indices of the devices, as interfaces of the file.
    devices: Vec<u32>,
    /// What is to be added to the tap's time to be one of the calendar, in nanoseconds.
    calendar_ns: u64,
    /// Frames that have come in and are not decided about yet, oldest first.
    waiting: VecDeque<Tapped>,
    frames: u64,
}

impl Recorder {
    /// A file for these devices, and its beginning.
    #[must_use]
    pub fn new(devices: &[Attached], call: &str, calendar_ns: u64) -> (Self, Vec<u8>) {
        let mut beginning = Vec::new();
        pcapng::section(&mut beginning, concat!("edge ", env!("CARGO_PKG_VERSION")), &format!("call {call}"));
        for device in devices {
            pcapng::interface(&mut beginning, &device.device, "frames as they came in");
        }
        pcapng::interface(&mut beginning, "leaving", "frames as they left");
        let devices = devices.iter().map(|device| device.ifindex).collect();
        (Self { devices, calendar_ns, waiting: VecDeque::new(), frames: 0 }, beginning)
    }

    /// Frames written so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Adds what a frame makes to `out`.
    pub fn add(&mut self, tapped: Tapped, out: &mut Vec<u8>) {
        let Some((kind, reason)) = tapped.verdict else {
            if self.waiting.len() == WAITING_MAX {
                self.give_up_on_oldest(out);
            }
            self.waiting.push_back(tapped);
            return;
        };
        let came = self.waiting.iter().position(|waiting| waiting.arrived_ns == tapped.arrived_ns);
        // Of one that came before the capture did nothing is known.
        let Some(came) = came.and_then(|place| self.waiting.remove(place)) else { return };
        self.write(&came, &verdict(kind, reason, tapped.len > 0), false, out);
        if tapped.len > 0 {
            self.write(&tapped, "", true, out);
        }
    }

    /// Adds the frames that nothing more will be heard of.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        while !self.waiting.is_empty() {
            self.give_up_on_oldest(out);
        }
    }

    fn give_up_on_oldest(&mut self, out: &mut Vec<u8>) {
        if let Some(oldest) = self.waiting.pop_front() {
            self.write(&oldest, "the capture was late, and does not know what was decided", false, out);
        }
    }

    fn write(&mut self, frame: &Tapped, comment: &str, leaves: bool, out: &mut Vec<u8>) {
        let came_by = self.devices.iter().position(|ifindex| *ifindex == frame.ifindex);
        let interface = if leaves { self.devices.len() } else { came_by.unwrap_or(self.devices.len()) };
        let packet = pcapng::Packet {
            interface: u32::try_from(interface).unwrap_or(u32::MAX),
            time_ns: frame.arrived_ns.wrapping_add(self.calendar_ns),
            len: frame.len,
            bytes: &frame.bytes,
            leaves,
            comment,
        };
        packet.write(out);
        self.frames += 1;
    }
}

fn verdict(kind: CounterKind, reason: &str, leaves_so: bool) -> String {
    let decided = match kind {
        CounterKind::Relay if leaves_so => "relayed",
        CounterKind::Relay => "relayed, and changed after this",
        CounterKind::Lost => "not told",
        CounterKind::Drop | CounterKind::ShieldDrop => "dropped",
        CounterKind::Pass | CounterKind::ShieldPass | CounterKind::ShieldSpare => "passed to the host",
    };
    format!("{decided}: {reason}")
}
