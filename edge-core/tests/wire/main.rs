//! The wire layer from outside: torture messages, seeds, mutations and a second parser.
//!
//! [`properties`] is shared with the fuzz targets of `tests/fuzz`.

#![expect(clippy::expect_used, reason = "a test that meets the unexpected has failed")]

mod corpus;
mod differential;
mod exchanges;
mod negotiation;
mod properties;
mod robustness;
