//! The kernel's side of the traits of the lib: frames in a driver's buffer, tables in BPF maps.
//!
//! Shared by the programs of this package. All unsafe code of the kernel side is in `frame`, `maps`, `shield`, `stages` and `tap`.

pub(crate) mod frame;
pub(crate) mod maps;
