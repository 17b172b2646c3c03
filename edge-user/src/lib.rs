//! The process: everything of `edge` that touches the world.
//!
//! - [`config`] turns a file into a policy, [`check`] says what it will do, [`explain`] how one call would go, and [`diagnosis`]
//!   what is wrong with one that stands; [`trouble`] says that in two words;
//! - [`host`] knows this machine, [`doctor`] judges it;
//! - [`datapath`] loads the XDP program and turns media plans into its table entries;
//! - [`runtime`] hosts the core: sockets, shards, signals; [`cdr`] keeps its call records, with what was [`received`] and [`reported`];
//! - [`registrations`] keeps where trunks are that register with us;
//! - [`shield`] decides who is kept out before anything is read, and the kernel does it;
//! - [`capture`] makes a file of what the datapath saw of a call;
//! - [`admin`] is the API by which an operator asks it, and tells it;
//! - [`tls`] holds certificates and says who the other end of a connection is;
//! - [`cli`] is the command line, [`top`] its view of a running edge.

pub mod admin;
pub mod capture;
pub mod cdr;
pub mod check;
pub mod cli;
pub mod config;
pub mod datapath;
pub mod diagnosis;
pub mod doctor;
pub mod explain;
pub mod host;
pub mod journal;
pub mod logins;
pub mod received;
pub mod registrations;
pub mod reported;
pub mod runtime;
pub mod shield;
pub mod store;
pub mod tls;
pub mod top;
pub mod trouble;
