use super::*;

/// Sums to nothing with its checksum in place (RFC 1071).
fn is_right(packet: &[u8], from: IpAddr, to: IpAddr) -> bool {
    let mut checked = packet.to_vec();
    checked[6..8].fill(0);
    checksum(&checked, from, to).to_be_bytes() == packet[6..8] && packet[6..8] != [0, 0]
}

#[test]
fn a_header_names_ports_length_and_checksum_in_both_families() {
    for (from, to) in
        [("192.0.2.1:20000", "198.51.100.7:6001"), ("[2001:db8::1]:20000", "[2001:db8::7]:6001")]
    {
        let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        for payload in [&b""[..], b"x", b"some octets", &[0xff; 172]] {
            let mut packet = [&[0; UDP_BYTES], payload].concat();
            write_udp(&mut packet, from, to);
            assert_eq!(packet[..4], [0x4e, 0x20, 0x17, 0x71]);
            assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len());
            assert!(is_right(&packet, from.ip(), to.ip()), "{packet:?}");
        }
    }
}

#[test]
fn a_checksum_is_that_of_the_rfc() {
    // 192.168.0.31 port 5 to 192.168.0.30 port 10, "Hi": computed by hand as RFC 768 says.
    let (from, to): (SocketAddr, SocketAddr) =
        ("192.168.0.31:5".parse().unwrap(), "192.168.0.30:10".parse().unwrap());
    let mut packet = [&[0; UDP_BYTES][..], b"Hi"].concat();
    write_udp(&mut packet, from, to);
    let by_hand: u32 = 0xc0a8 + 0x001f + 0xc0a8 + 0x001e + 17 + 10 + 5 + 10 + 10 + 0x4869;
    let folded = (by_hand & 0xffff) + (by_hand >> 16);
    assert_eq!(packet[6..8], (!(folded as u16)).to_be_bytes());
}
