//! A CDR as edge writes it: one JSON object a line.

use serde_json::Value;

/// One call's record.
#[derive(Clone, Debug)]
pub struct Cdr(pub(super) Value);

/// A side of a call, as CDRs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// The caller's.
    A,
    /// The called side's.
    B,
}

impl Leg {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    const fn key(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl Cdr {
    /// Why the call ended: a stable name.
    pub fn cause(&self) -> &str {
        self.text("/cause")
    }

    /// The call's name.
    pub fn id(&self) -> &str {
        self.text("/id")
    }

    /// Who ended it.
    pub fn ended_by(&self) -> &str {
        self.text("/ended_by")
    }

    /// The text at a JSON pointer; empty when there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The whole number at a JSON pointer.
    pub fn number(&self, pointer: &str) -> Option<i64> {
        self.0.pointer(pointer).and_then(Value::as_i64)
    }

    /// The number at a JSON pointer, whole or not.
    pub fn decimal(&self, pointer: &str) -> Option<f64> {
        self.0.pointer(pointer).and_then(Value::as_f64)
    }

    /// Whether what is at a JSON pointer is there and true.
    pub fn flag(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).and_then(Value::as_bool) == Some(true)
    }

    /// The trunk of a leg; empty when there was no such leg.
    pub fn trunk(&self, leg: Leg) -> &str {
        self.text(&format!("/{}/trunk", leg.key()))
    }

    /// RTP packets that came in from a leg.
    pub fn packets(&self, leg: Leg) -> i64 {
        self.media(leg, "packets").unwrap_or(0)
    }

    /// RTP packets from a leg that its sequence numbers miss.
    pub fn lost(&self, leg: Leg) -> Option<i64> {
        self.media(leg, "lost")
    }

    /// Packets from a leg that were dropped for a reason.
    pub fn dropped(&self, leg: Leg, reason: &str) -> i64 {
        self.media(leg, &format!("drops/{reason}")).unwrap_or(0)
    }

    fn media(&self, leg: Leg, what: &str) -> Option<i64> {
        self.number(&format!("/{}/received/{what}", leg.key()))
    }
}
