//! What a packet costs, measured as ratios against baselines in the same run.
//!
//! Numbers of one machine mean little on another, and on a shared one they drift while a bench runs. So every
//! bench interleaves what it measures with a baseline, and reports medians and ratios. What the kernel's verifier needs
//! is the one thing here that is counted, not measured.

mod clock;
pub mod datapath;
mod histogram;
pub mod media;
mod processor;
pub mod routes;
mod rtpengine;
mod search;
pub mod shield;
pub mod sip;
pub mod tell;
pub mod verify;
pub mod wire;
