//! What a trunk may do to a call that runs: send it elsewhere.

/// What becomes of a 3xx of a trunk that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redirects {
    /// It is a failure as any other: the caller hears 500.
    #[default]
    Refuse,
    /// The caller hears it, with our address in the place of each Contact's.
    Pass,
    /// The call goes where it points, by the routes of the trunk that said it.
    Follow,
}

/// What becomes of a REFER of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refer {
    /// 603: it may not transfer.
    #[default]
    Refuse,
    /// The other side hears it, and carries it out.
    Pass,
    /// The edge carries it out: it calls the target by the routes of the trunk that asked, and joins.
    Consume,
}
