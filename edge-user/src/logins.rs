//! The passwords of a configuration, read from where it says they are.
//!
//! Invariants: all of them could be read, or none is used; what is read is overwritten when it is dropped, and never printed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edge_core::digest::{Login, Secret};
use edge_core::policy::Policy;

use crate::config::{Config, PasswordSource, TrunkLogin};

/// Longest password, in bytes: more than anybody gives out, and a wrong file is noticed.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Logins by the names of their trunks.
#[derive(Debug, Default)]
pub struct Logins {
    by_trunk: BTreeMap<String, Arc<Login>>,
}

/// A password that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("trunk {trunk}: `{key}` {found} {fault}")]
pub struct LoginProblem {
    trunk: String,
    key: &'static str,
    /// Where it should be, as written; never what is there.
    found: String,
    fault: PasswordFault,
}

/// What is wrong with a password.
#[derive(Debug, thiserror::Error)]
enum PasswordFault {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("is not set in the environment of edge: set it where edge is started, or write password_file")]
    Unset,
    #[error("holds no password: write it there, on one line")]
    Empty,
    #[error(
        "has more than one line, or more than {PASSWORD_BYTES_MAX} bytes: write the password there and nothing else"
    )]
    TooMuch,
}

/// A password that can be used, and should be looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginWarning {
    trunk: String,
    file: PathBuf,
    mode: u32,
}

impl Display for LoginWarning {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (trunk, file, mode) = (&self.trunk, self.file.display(), self.mode);
        write!(
            f,
            "trunk {trunk}: `password_file` {file} can be read by everybody on this host (mode {mode:03o}): chmod 600 {file}"
        )
    }
}

impl Logins {
    /// Reads all passwords of `config`. The warnings are about those that can be used.
    ///
    /// # Errors
    /// Everything that is wrong with them; never empty.
    pub fn load(config: &Config) -> Result<(Self, Vec<LoginWarning>), Vec<LoginProblem>> {
        let (mut logins, mut warnings, mut problems) = (Self::default(), Vec::new(), Vec::new());
        for (trunk, login) in &config.logins {
            match read(trunk, login, &mut warnings) {
                Ok(read) => drop(logins.by_trunk.insert(trunk.clone(), Arc::new(read))),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok((logins, warnings)) } else { Err(problems) }
    }

    /// Gives each trunk of `policy` its login.
    pub fn give_to(&self, policy: &mut Policy) {
        policy.log_in(|trunk| self.by_trunk.get(trunk).cloned());
    }
}

fn read(trunk: &str, login: &TrunkLogin, warnings: &mut Vec<LoginWarning>) -> Result<Login, LoginProblem> {
    let TrunkLogin { username, realm, algorithms, password } = login;
    let (key, found, bytes) = match password {
        PasswordSource::File(file) => ("password_file", file.display().to_string(), from_file(file)),
        PasswordSource::Environment(name) => ("password_env", name.clone(), from_environment(name)),
    };
    if let (PasswordSource::File(file), Ok((_, Some(mode)))) = (password, &bytes) {
        warnings.push(LoginWarning { trunk: trunk.to_owned(), file: file.clone(), mode: *mode });
    }
    let problem = |fault| LoginProblem { trunk: trunk.to_owned(), key, found, fault };
    let password = bytes.and_then(|(bytes, _mode)| one_line(bytes)).map_err(problem)?;
    let login = Login::new(username, password);
    Ok(Login { realm: realm.clone(), algorithms: *algorithms, ..login })
}

/// What a file begins with; and its mode, when everybody may read it.
fn from_file(file: &Path) -> Result<(Vec<u8>, Option<u32>), PasswordFault> {
    let opened = File::open(file)?;
    let mode = opened.metadata()?.permissions().mode() & 0o777;
    let mut bytes = Vec::with_capacity(PASSWORD_BYTES_MAX + 3);
    opened.take(PASSWORD_BYTES_MAX as u64 + 3).read_to_end(&mut bytes)?;
    Ok((bytes, (mode & 0o004 != 0).then_some(mode)))
}

fn from_environment(name: &str) -> Result<(Vec<u8>, Option<u32>), PasswordFault> {
    let value = std::env::var_os(name).ok_or(PasswordFault::Unset)?;
    Ok((OsString::into_vec(value), None))
}

/// The password of a file that has nothing else in it: without the end of its line.
fn one_line(mut bytes: Vec<u8>) -> Result<Secret, PasswordFault> {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let ends = bytes.len() - end;
    bytes.truncate(end);
    let lines = ends > 2 || bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    let (empty, long) = (bytes.is_empty(), bytes.len() > PASSWORD_BYTES_MAX);
    // From here on whatever becomes of it, it is overwritten.
    let secret = Secret::new(bytes);
    match () {
        () if empty => Err(PasswordFault::Empty),
        () if lines || long => Err(PasswordFault::TooMuch),
        () => Ok(secret),
    }
}

#[cfg(test)]
mod tests;
