//! What becomes of strangers, in words.

use edge_core::policy::{ShieldMode, ShieldPolicy, Unknown};

use super::Span;

/// Everything that the shield does.
pub(super) fn words(policy: &ShieldPolicy) -> String {
    let ShieldPolicy { mode, unknown, source_rate, unknown_rate, ban_after, ban_for } = *policy;
    let strangers = match unknown {
        Unknown::Limit => format!(
            "limited in XDP: {source_rate} messages a second each, {unknown_rate} of each kind all together"
        ),
        Unknown::Drop => {
            "dropped in XDP, but limited where a certificate or a password says who somebody is".to_owned()
        }
        Unknown::Pass => "passed".to_owned(),
    };
    let bans = match ban_after {
        0 => "; nobody is banned".to_owned(),
        _ => format!("; {ban_after} offences within a minute are a ban of {}", Span(ban_for)),
    };
    match mode {
        ShieldMode::Off => "off: strangers reach the listeners".to_owned(),
        ShieldMode::Shadow => format!("a shadow, which only counts: strangers would be {strangers}{bans}"),
        ShieldMode::On => format!("strangers are {strangers}{bans}"),
    }
}
