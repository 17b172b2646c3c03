//! What one call wants of others, in this shard or in another one: no call reaches into another, the shard grants it.

use crate::sip::{Request, StatusCode};

use super::asked::Asked;
use super::given::Given;
use super::{CallKey, Side};

/// A side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    /// Number of the shard that has the call.
    pub(crate) shard: usize,
    pub(crate) call: CallKey,
    pub(crate) side: Side,
}

/// Something that one call wants of others; the shard grants it.
#[derive(Debug)]
pub(crate) enum Wish {
    /// The other side of `of` is to be connected with the target of this REFER.
    Refer { of: Source, refer: Box<Request> },
    /// The call that a REFER names is to be named as the side across the edge knows it.
    Translate { of: Source, asked: Box<Asked> },
    /// `by` takes its sides over.
    Take { by: CallKey },
    /// The call `by`, which was to go on with a side of `of`, has failed.
    Failed { of: CallKey, by: CallKey, code: StatusCode },
    /// The target of the call `by`, which is to go on with a side of `of`, has said so much.
    Progressed { of: CallKey, by: CallKey, code: StatusCode },
    /// Nobody takes a side in that has come from another shard.
    HangUp { given: Box<Given> },
    /// Nobody waits any more for the call that goes on for a REFER.
    Abandon { call: CallKey },
}
