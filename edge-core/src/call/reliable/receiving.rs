//! Which reliable provisional responses of one early dialog are acknowledged (RFC 3262 section 4).

/// The last response of a dialog that was taken in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::call) struct Received {
    last: Option<u32>,
}

/// What a response is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Order {
    /// The next one, or the first: it is taken and acknowledged.
    Next,
    /// One that was taken: the transaction of its PRACK repeats that if it was lost.
    Again,
    /// One is missing before it. It is not acknowledged, so that it comes again once that one was.
    Ahead,
}

impl Received {
    /// Takes a response with this RSeq if it is the next one. The first may have any number.
    pub(in crate::call) const fn take(&mut self, rseq: u32) -> Order {
        let order = match self.last {
            None => Order::Next,
            Some(last) if rseq <= last => Order::Again,
            Some(last) if rseq - last == 1 => Order::Next,
            Some(_) => Order::Ahead,
        };
        if matches!(order, Order::Next) {
            self.last = Some(rseq);
        }
        order
    }
}

#[cfg(test)]
mod tests;
