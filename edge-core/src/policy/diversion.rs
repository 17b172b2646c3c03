//! What a trunk is told of where a call was before (RFC 5806, RFC 7044).

/// The headers that tell a trunk by whom its calls were diverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Diversions {
    /// The ones that said so to us; Diversion where nobody else has said anything.
    #[default]
    Pass,
    /// None.
    Remove,
    /// Diversion, whatever said so to us.
    Diversion,
    /// History-Info, whatever said so to us.
    HistoryInfo,
}
