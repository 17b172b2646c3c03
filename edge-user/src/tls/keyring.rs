//! What the files of a configuration hold, ready for handshakes.
//!
//! Invariant: a keyring is whole or not there: every file that the configuration names could be read and fits.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use edge_core::policy::{RealmId, Trunk, is_host_name};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::SingleCertAndKey;

use super::certificate::day;
use super::{Authorities, Certificate, Denial, FileProblem, material};
use crate::config::{Config, RealmTls};

/// From this long before a certificate's end on it is warned of.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);

/// Our certificates by realm, and who is believed by trunk.
#[derive(Debug, Default)]
pub struct Keyring {
    ours: Vec<Option<Arc<SingleCertAndKey>>>,
    authorities: HashMap<String, Arc<Authorities>>,
}

/// A file that cannot be used, and who needs it.
#[derive(Debug, thiserror::Error)]
#[error("{section}: tls: `{key}` {} {problem}", file.display())]
pub struct TlsProblem {
    section: String,
    key: &'static str,
    file: PathBuf,
    problem: FileProblem,
}

/// A file that can be used, and should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    section: String,
    key: &'static str,
    file: PathBuf,
    what: Doubt,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Doubt {
    /// It ends soon, or has ended.
    Ends { whose: String, on: SystemTime, days: u64 },
    /// No SIP peer could know us by it.
    Nameless { subject: String },
}

impl Display for Warning {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { section, key, file, what } = self;
        write!(f, "{section}: tls: `{key}` {}: ", file.display())?;
        match what {
            Doubt::Ends { whose, on, days: 0 } => {
                write!(f, "the certificate for {whose} ends on {}: renew it now", day(*on))
            }
            Doubt::Ends { whose, on, days } => {
                write!(f, "the certificate for {whose} expires on {}, in {days} days: renew it", day(*on))
            }
            Doubt::Nameless { subject } => write!(
                f,
                "the certificate \"{subject}\" is for no SIP domain that a peer could compare (RFC 5922): take one with \
                 this host's name in its subjectAltName, without wildcards"
            ),
        }
    }
}

/// What was learnt on the way.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<TlsProblem>,
    warnings: Vec<Warning>,
}

impl Keyring {
    /// Reads every file that `config` names, as of `now`. The warnings are about files that can be used.
    ///
    /// # Errors
    /// Everything that is wrong with the files; never empty.
    pub fn load(config: &Config, now: SystemTime) -> Result<(Self, Vec<Warning>), Vec<TlsProblem>> {
        let mut found = Findings::default();
        let mut keyring = Self::default();
        for (realm, tls) in config.policy.realms.iter().zip(&config.tls.realms) {
            let ours = tls.as_ref().and_then(|tls| found.pair(&realm.name, tls, now));
            keyring.ours.push(ours.map(|key| Arc::new(SingleCertAndKey::from(key))));
        }
        let mut known: BTreeMap<&Path, Option<Arc<Authorities>>> = BTreeMap::new();
        for (trunk, file) in &config.tls.authorities {
            let read = || found.authorities(trunk, file, now).map(Arc::new);
            if let Some(authorities) = known.entry(file).or_insert_with(read) {
                keyring.authorities.insert(trunk.clone(), Arc::clone(authorities));
            }
        }
        let Findings { problems, warnings } = found;
        if problems.is_empty() { Ok((keyring, warnings)) } else { Err(problems) }
    }

    /// Our certificate in a realm, if it has TLS.
    pub(crate) fn ours(&self, realm: RealmId) -> Option<Arc<SingleCertAndKey>> {
        self.ours.get(realm.index())?.clone()
    }

    /// Whether a chain, whose first is `shown`, is of `trunk`: it is for one of its names, and signed for it.
    ///
    /// # Errors
    /// [`Denial`] says why not.
    pub(crate) fn vouches(
        &self,
        trunk: &Trunk,
        shown: &Certificate,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Denial> {
        if !shown.names.are_of(&trunk.names) {
            let expected = format!("trunk {} is {}", trunk.name, trunk.names.join(" or "));
            return Err(Denial::Name { names: shown.called(), expected });
        }
        let Some(authorities) = self.authorities.get(&trunk.name) else {
            let expected = format!("trunk {} is being removed", trunk.name);
            return Err(Denial::Name { names: shown.called(), expected });
        };
        authorities.vouch_for(shown, leaf, intermediates, now)
    }

    /// Whether `trunk` is one of the configuration that this was loaded for.
    pub(crate) fn knows(&self, trunk: &Trunk) -> bool {
        self.authorities.contains_key(&trunk.name)
    }
}

impl Findings {
    fn pair(&mut self, realm: &str, tls: &RealmTls, now: SystemTime) -> Option<rustls::sign::CertifiedKey> {
        let section = format!("realm {realm}");
        let RealmTls { certificate: file, private_key, client_ca: _ } = tls;
        let (chain, read): (Vec<_>, Vec<_>) = material::certificates(file)
            .map_err(|problem| self.refuse(&section, "certificate", file, problem))
            .ok()?
            .into_iter()
            .unzip();
        for certificate in &read {
            match FileProblem::of_time(certificate, now) {
                Some(problem) => self.refuse(&section, "certificate", file, problem),
                None => self.watch(&section, "certificate", file, certificate, now),
            }
        }
        if let Some(ours) = read.first()
            && !ours.names.identities().into_iter().any(is_host_name)
        {
            let what = Doubt::Nameless { subject: ours.subject.clone() };
            self.warnings.push(Warning {
                section: section.clone(),
                key: "certificate",
                file: file.clone(),
                what,
            });
        }
        material::certified_key(chain, file, private_key)
            .map_err(|problem| self.refuse(&section, "private_key", private_key, problem))
            .ok()
    }

    fn authorities(&mut self, trunk: &str, file: &Path, now: SystemTime) -> Option<Authorities> {
        let section = format!("trunk {trunk}");
        let (authorities, read) =
            material::authorities(file).map_err(|problem| self.refuse(&section, "ca", file, problem)).ok()?;
        // One CA among many that has expired signs nothing any more, and hurts nobody.
        for certificate in &read {
            self.watch(&section, "ca", file, certificate, now);
        }
        Some(authorities)
    }

    fn refuse(&mut self, section: &str, key: &'static str, file: &Path, problem: FileProblem) {
        self.problems.push(TlsProblem {
            section: section.to_owned(),
            key,
            file: file.to_path_buf(),
            problem,
        });
    }

    fn watch(
        &mut self,
        section: &str,
        key: &'static str,
        file: &Path,
        certificate: &Certificate,
        now: SystemTime,
    ) {
        let left = certificate.not_after.duration_since(now).unwrap_or_default();
        if left > RENEW_BEFORE {
            return;
        }
        let whose = match certificate.names.identities().as_slice() {
            [] => format!("\"{}\"", certificate.subject),
            _ => certificate.called(),
        };
        let what = Doubt::Ends { whose, on: certificate.not_after, days: left.as_secs() / 86_400 };
        self.warnings.push(Warning { section: section.to_owned(), key, file: file.to_path_buf(), what });
    }
}
