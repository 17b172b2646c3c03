//! `username` and what goes with it: who we are for a trunk that challenges us.
//!
//! Only where the password is: it is read by [`crate::logins`], on the host that has it. No value of these keys is a secret.

use std::path::PathBuf;

use edge_core::digest::{Algorithms, Hash, Login};
use toml::de::DeValue;

use super::document::{At, FromToml, Section};
use super::fault::Fault;
use super::value::form;

/// Who we are for one trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkLogin {
    /// The name that the proof is made with.
    pub username: String,
    /// The one realm that it is for; `None` for any.
    pub realm: Option<String>,
    /// Hash functions that may be used.
    pub algorithms: Algorithms,
    /// Where the password is.
    pub password: PasswordSource,
}

/// Where a password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// The first line of a file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
}

/// What can be wrong with a login in a file.
#[derive(Debug, thiserror::Error)]
pub enum LoginFault {
    /// A name without a password.
    #[error(
        "is there, but no password: write password_file = \"/etc/edge/NAME.secret\", or password_env = \"NAME\""
    )]
    NoPassword,
    /// Perhaps the password itself, which is not repeated.
    #[error(
        "is no absolute path; write the file that has the password in it, such as \"/etc/edge/NAME.secret\""
    )]
    NotAFile,
    /// Perhaps the password itself, which is not repeated.
    #[error(
        "is no name of a variable; write the one that has the password in it, such as \"CARRIER_B_PASSWORD\""
    )]
    NotAVariable,
    /// Two places for one password.
    #[error("is there, and `password_file` too: keep the one that has the password")]
    TwoPasswords,
    /// Something for a login that is not there.
    #[error("is there, but no `username`: write username = \"...\" beside it, or remove the key")]
    NoUsername,
}

/// Reads the login of a trunk, if it has one. What is wrong with it is noted.
pub(super) fn read(section: &Section<'_>) -> Option<TrunkLogin> {
    let username = section.get::<LoginName>("username");
    let auth_username = section.get::<LoginName>("auth_username");
    let realm = section.get::<LoginName>("auth_realm");
    let algorithms = algorithms(section);
    let password = password(section);
    if !section.has("username") {
        for key in ["password_file", "password_env", "auth_username", "auth_realm", "auth_algorithms"] {
            if section.has(key) {
                section.note(section.line_of(key), key, LoginFault::NoUsername.into());
            }
        }
        return None;
    }
    if !section.has("password_file") && !section.has("password_env") {
        section.note(section.line_of("username"), "username", LoginFault::NoPassword.into());
    }
    Some(TrunkLogin {
        username: auth_username.or(username)?.value.0,
        realm: realm.map(|realm| realm.value.0),
        algorithms,
        password: password?,
    })
}

fn password(section: &Section<'_>) -> Option<PasswordSource> {
    let file = section.get::<PasswordFile>("password_file");
    let environment = section.get::<VariableName>("password_env");
    if section.has("password_file") && section.has("password_env") {
        section.note(section.line_of("password_env"), "password_env", LoginFault::TwoPasswords.into());
    }
    let environment =
        || environment.map(|At { value: VariableName(name), .. }| PasswordSource::Environment(name));
    file.map(|file| PasswordSource::File(file.value.0)).or_else(environment)
}

fn algorithms(section: &Section<'_>) -> Algorithms {
    if !section.has("auth_algorithms") {
        return Algorithms::default();
    }
    section.refuse_empty("auth_algorithms", "remove the key to allow MD5, SHA-256 and SHA-512-256");
    let hashes: Vec<Hash> = section
        .list("auth_algorithms")
        .unwrap_or_default()
        .into_iter()
        .map(|at: At<Hash>| at.value)
        .collect();
    Algorithms::only(&hashes)
}

/// A name that stands in quotes on the wire.
#[derive(Debug, Clone)]
struct LoginName(String);

/// Longest of them: more than any directory gives out.
const NAME_BYTES_MAX: usize = 256;

impl<'a> FromToml<'a> for LoginName {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let fits = Login::is_name(text) && text.len() <= NAME_BYTES_MAX;
        fits.then(|| Self(text.to_owned())).ok_or_else(|| {
            form(text, "1 to 256 characters, without quotes, backslashes or control characters")
        })
    }
}

/// The file of a password.
#[derive(Debug, Clone)]
struct PasswordFile(PathBuf);

impl<'a> FromToml<'a> for PasswordFile {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let path = PathBuf::from(<&str>::from_toml(value)?);
        if path.is_absolute() { Ok(Self(path)) } else { Err(LoginFault::NotAFile.into()) }
    }
}

/// The name of a variable of the environment.
#[derive(Debug, Clone)]
struct VariableName(String);

impl<'a> FromToml<'a> for VariableName {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && text.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        fits.then(|| Self(text.to_owned())).ok_or_else(|| LoginFault::NotAVariable.into())
    }
}
