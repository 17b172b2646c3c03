//! The files of TLS: whether `edge run` would take them, and how long they will do.

use std::time::SystemTime;

use super::Finding;
use crate::config::Config;
use crate::tls::Keyring;

/// What the certificates and keys of `config` are like at `now`; nothing, when it has none.
#[must_use]
pub fn certificates(config: &Config, now: SystemTime) -> Vec<Finding> {
    const SUBJECT: &str = "certificates";
    if config.tls.realms.iter().all(Option::is_none) {
        return Vec::new();
    }
    match Keyring::load(config, now) {
        Ok((_keyring, warnings)) if warnings.is_empty() => {
            vec![Finding::ok(SUBJECT, "they have their keys, and none expires within 30 days")]
        }
        Ok((_keyring, warnings)) => {
            let change = "get new ones, put them in place and `systemctl reload edge` (SIGHUP)";
            warnings.iter().map(|warning| Finding::warn(SUBJECT, warning.to_string(), change)).collect()
        }
        Err(problems) => {
            let change =
                "change the files or the configuration as said; `edge run` refuses to start until then";
            problems.iter().map(|problem| Finding::fail(SUBJECT, problem.to_string(), change)).collect()
        }
    }
}
