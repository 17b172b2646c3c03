//! UDPTL packets (ITU-T T.38 section 9.1): sequence number, primary IFP packet, error recovery. ASN.1, without any mark
//! that tells them from other datagrams.

/// Bytes of the shortest packet: sequence number, length and one byte of the primary, kind and count of an empty recovery.
pub const LEN_MIN: usize = 6;
