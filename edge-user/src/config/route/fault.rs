//! What can be wrong with a route, and the sentence that says so.

use edge_core::policy::PatternError;

/// What is wrong with a key of a route.
#[derive(Debug, thiserror::Error)]
pub enum RouteFault {
    /// Numbers need exactly one form.
    #[error("needs one of `prefix`, `exact` and `regex`, and has {found}")]
    Numbers {
        /// Those that it has.
        found: String,
    },
    /// A regular expression that is none, or too large.
    #[error("is \"{found}\", which cannot be used ({fault}); write for example \"[2-7][0-9]{{2}}\"")]
    Pattern {
        /// The text.
        found: String,
        /// What is wrong with it.
        fault: PatternError,
    },
    /// Hours without a minute.
    #[error("is the same time as `to`: no minute is between them; remove both for the whole day")]
    NoHours,
    /// A rewriting that leaves nothing of a number.
    #[error("leaves nothing of {number}: it strips {strip} characters and prepends none")]
    NothingLeft {
        /// The number.
        number: String,
        /// Characters stripped.
        strip: usize,
    },
    /// A target that is neither a trunk nor a group, or both.
    #[error("has an entry with {found} of `trunk` and `group`; write one of them")]
    TrunkOrGroup {
        /// "neither" or "both".
        found: &'static str,
    },
    /// A weight where nothing is weighed.
    #[error("does nothing unless the route has strategy = \"weighted\"; write that, or remove it")]
    WeightWithoutStrategy,
    /// A route from a trunk that never calls.
    #[error("has trunk {trunk}, whose direction is outbound: it never calls us")]
    NeverCalls {
        /// The trunk.
        trunk: String,
    },
    /// A route to a trunk that is never called.
    #[error("is trunk {trunk}, whose direction is inbound: we never call it")]
    NeverCalled {
        /// The trunk.
        trunk: String,
    },
}
