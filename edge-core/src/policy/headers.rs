//! What an operator has said of the headers of a trunk's messages.

use std::sync::Arc;

use crate::sip::{HeaderPattern, HeaderRules};

/// Headers of one trunk.
#[derive(Debug, Clone, Default)]
pub struct HeaderPolicy {
    /// Changes of what it sends, before anything else is read of it.
    pub inbound: Option<Arc<HeaderRules>>,
    /// Changes of what it gets, after everything else is written.
    pub outbound: Option<Arc<HeaderRules>>,
    /// Those that cross from it to the other side as they are, which others do not.
    pub pass: Vec<HeaderPattern>,
}
