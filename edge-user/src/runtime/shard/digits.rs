//! Digits of the calls of one shard.

use edge_core::Input;
use edge_core::call::{CallKey, Side};
use edge_core::media::Digit;

use super::super::clock;
use super::Running;
use crate::datapath::{DigitNews, Heard, Installed};

impl Running {
    /// What news of a digit means, when its call is here.
    pub(super) fn heard(&mut self, news: DigitNews) -> Option<Input> {
        let (key, installed) = self.media.iter_mut().find(|(_, media)| media.number() == news.call())?;
        self.host.datapath.hear(installed, news).map(|heard| input(*key, heard))
    }

    /// Tells the edge of digits whose ends were never said.
    pub(super) fn finish_digits(&mut self) {
        let now_ns = clock::monotonic_ns();
        let Self { media, host, .. } = self;
        for (key, installed) in media {
            for heard in host.datapath.unfinished(installed, now_ns) {
                host.edge.handle(input(*key, heard), clock::now());
            }
        }
    }

    /// Lets a digit ride on the speech of a side.
    pub(super) fn order_digit(&mut self, call: CallKey, from: Side, digit: Digit) {
        if let Some(installed) = self.media.get_mut(&call) {
            self.host.datapath.order_digit(installed, from.index(), digit);
        }
    }

    /// Takes it back.
    pub(super) fn withdraw_digit(&mut self, call: CallKey, from: Side) {
        let installed: Option<&mut Installed> = self.media.get_mut(&call);
        installed.into_iter().for_each(|media| self.host.datapath.withdraw_digit(media, from.index()));
    }
}

const fn input(call: CallKey, heard: Heard) -> Input {
    match heard {
        Heard::Digit { leg, digit } => Input::DigitHeard { call, side: side(leg), digit },
        Heard::Sent { leg } => Input::DigitSent { call, side: side(leg) },
    }
}

const fn side(leg: usize) -> Side {
    if leg == 0 { Side::A } else { Side::B }
}
