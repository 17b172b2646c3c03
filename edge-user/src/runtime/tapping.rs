//! The one capture that may run: who has it, and its end.
//!
//! A tap is made ready on a thread of its own, because the kernel takes a second to verify its program, and put in place here.

use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, oneshot};

use super::control::Order;
use crate::datapath::{Datapath, DatapathError, ReadyTap, Tap};

/// Who waits for a tap.
pub(super) type TapReply = oneshot::Sender<Result<HeldTap, String>>;

/// A tap that somebody has; it ends within a second of being dropped.
#[derive(Debug)]
pub struct HeldTap {
    tap: Tap,
    _held: Arc<()>,
}

impl HeldTap {
    /// The tap.
    pub const fn tap(&mut self) -> &mut Tap {
        &mut self.tap
    }
}

/// Who has the tap.
#[derive(Debug)]
pub(super) struct Tapping {
    orders: mpsc::Sender<Order>,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    Nobody,
    /// It is being made.
    Coming,
    Somebody(Weak<()>),
}

impl Tapping {
    /// Says by `orders` when a tap is ready.
    pub(super) const fn new(orders: mpsc::Sender<Order>) -> Self {
        Self { orders, holder: Holder::Nobody }
    }

    /// Has a tap made for whoever asked, unless somebody has one.
    pub(super) fn prepare(&mut self, datapath: &Datapath, endpoints: Vec<u32>, reply: TapReply) {
        if !matches!(self.holder, Holder::Nobody) {
            drop(reply.send(Err("another capture runs; there is one at a time".to_owned())));
            return;
        }
        self.holder = Holder::Coming;
        let (maker, orders) = (datapath.tap_maker(), self.orders.clone());
        tokio::task::spawn_blocking(move || {
            let ready = maker.make(&endpoints);
            // A process that ends does not hear it.
            drop(orders.blocking_send(Order::TapReady { ready, reply }));
        });
    }

    /// Puts it in place, and gives it to whoever asked.
    pub(super) fn begin(
        &mut self,
        datapath: &mut Datapath,
        ready: Result<ReadyTap, DatapathError>,
        reply: TapReply,
    ) {
        let begun = ready.and_then(|ready| datapath.tap(ready)).map_err(|error| error.to_string());
        let held = Arc::new(());
        self.holder = if begun.is_ok() { Holder::Somebody(Arc::downgrade(&held)) } else { Holder::Nobody };
        // Who has gone meanwhile drops it, which ends it.
        drop(reply.send(begun.map(|tap| HeldTap { tap, _held: held })));
    }

    /// Takes the tap away when nobody has it any more. To be called once a second.
    pub(super) fn end_when_left(&mut self, datapath: &mut Datapath) {
        let Holder::Somebody(holder) = &self.holder else { return };
        if holder.strong_count() > 0 {
            return;
        }
        self.holder = Holder::Nobody;
        if let Err(error) = datapath.untap() {
            tracing::error!("the tap of a capture stays, and costs each media packet a little: {error}");
        }
    }
}
