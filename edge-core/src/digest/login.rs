//! Who we are for a peer that challenges, or who a peer is that we challenge.

use super::{Algorithms, Hash, Secret};

/// A name and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name, without quotes, backslashes or control characters.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// The one realm that it is for; `None` for any that the peer names.
    pub realm: Option<String>,
    /// The hash functions that may be used.
    pub algorithms: Algorithms,
}

impl Login {
    /// A login for any realm, by any algorithm.
    #[must_use]
    pub fn new(username: &str, password: Secret) -> Self {
        let username = username.to_owned();
        Self { username, password, realm: None, algorithms: Algorithms::default() }
    }

    /// A word that only who has the password can know, another one for each list of names: the same after a restart, so that what
    /// was known by it is known again.
    #[must_use]
    pub fn token(&self, names: &[&str]) -> String {
        let names = names.join("/");
        let parts = [b"token".as_slice(), names.as_bytes(), self.username.as_bytes(), self.password.expose()];
        String::from_utf8_lossy(&Hash::Sha256.of(&parts).as_bytes()[..16]).into_owned()
    }

    /// Whether `name` can be sent as it is: within quotes it has to mean itself.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        let unquotable = |letter: char| letter == '"' || letter == '\\' || letter.is_control();
        !name.is_empty() && !name.contains(unquotable)
    }
}
