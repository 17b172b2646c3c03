//! Who may ask over an address. (The unix socket lies in a directory that only its owner may enter.)
//!
//! With a token file each request needs its token, but for the page, which shows nothing without it. Without one only the loopback is listened on, and what a browser of
//! this host sends on behalf of some page is refused: by the name in Host, which a page that rebinds its own name cannot
//! choose, and by what browsers say of where a request comes from.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{Method, Request, StatusCode};

use super::page;

/// Shortest token, in bytes: 128 bits in hexadecimal digits.
const TOKEN_BYTES_MIN: usize = 32;

/// Why a token file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("admin.token_file {} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It could be guessed.
    #[error(
        "admin.token_file {}: a token of {length} bytes; write at least {TOKEN_BYTES_MIN}, for example by `openssl rand -hex 32`",
        file.display()
    )]
    Short {
        /// The file.
        file: PathBuf,
        /// Bytes that it has.
        length: usize,
    },
}

/// What a request needs.
#[derive(Clone)]
pub(super) enum Access {
    /// To come from a program of this host.
    Local,
    /// This token.
    Token(Box<str>),
    /// Nothing: whoever got here may.
    Open,
}

impl fmt::Debug for Access {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "Local",
            Self::Token(_) => "Token",
            Self::Open => "Open",
        })
    }
}

impl Access {
    /// The token in `file`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(super) fn by_token(file: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(file)
            .map_err(|cause| TokenError::Unreadable { file: file.to_path_buf(), cause })?;
        let token = text.trim();
        if token.len() < TOKEN_BYTES_MIN {
            return Err(TokenError::Short { file: file.to_path_buf(), length: token.len() });
        }
        Ok(Self::Token(token.into()))
    }

    /// What a request without a right hears.
    pub(super) fn refusal(&self, request: &Request<Body>) -> Option<(StatusCode, &'static str)> {
        match self {
            Self::Open => None,
            Self::Token(_) if request.method() == Method::GET && request.uri().path() == page::PATH => None,
            Self::Token(token) => {
                let given = header(request, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
                let right = given.is_some_and(|given| same(given.trim().as_bytes(), token.as_bytes()));
                (!right)
                    .then_some((StatusCode::UNAUTHORIZED, "Authorization: Bearer with the token is needed"))
            }
            Self::Local => {
                let named = header(request, &HOST).is_some_and(is_loopback);
                let own = header(request, &ORIGIN)
                    .is_none_or(|origin| origin.strip_prefix("http://").is_some_and(is_loopback));
                (!named || !own).then_some((StatusCode::FORBIDDEN, "only from this host, by its address"))
            }
        }
    }
}

fn header<'a>(request: &'a Request<Body>, name: &axum::http::HeaderName) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Whether an authority, with a port or without, is this host.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Compares without telling by its time where two differ.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    given.len() == wanted.len() && given.iter().zip(wanted).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;
