//! Builds frames, right ones and wrong ones.

use alloc::vec;
use alloc::vec::Vec;

/// What goes into the UDP checksum field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpChecksum {
    /// The right one.
    Right,
    /// Zero: the sender made none.
    None,
}

/// A frame in the making: UDP in IP in Ethernet, unless fields say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Destination and source MAC.
    pub stations: [[u8; 6]; 2],
    /// VLAN identifier of an 802.1Q tag.
    pub vlan: Option<u16>,
    /// EtherType.
    pub kind: u16,
    /// Version and header length of IPv4, the first byte of IPv6; `None` for the right ones.
    pub version_ihl: Option<u8>,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// IP identification.
    pub identification: u16,
    /// IP flags and fragment offset.
    pub fragment: u16,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// IP protocol; of IPv6 the next header.
    pub protocol: u8,
    /// Source address and port.
    pub source: ([u8; 4], u16),
    /// Destination address and port.
    pub destination: ([u8; 4], u16),
    /// Makes it IPv6: source and destination address, in place of the others.
    pub v6: Option<[[u8; 16]; 2]>,
    /// Flow label of IPv6; 20 bits.
    pub flow_label: u32,
    /// IP options, a multiple of four bytes; for IPv6 what lies between its header and UDP.
    pub options: Vec<u8>,
    /// Whether the IP checksum is spoilt.
    pub bad_ip_checksum: bool,
    /// The UDP checksum.
    pub udp_checksum: UdpChecksum,
    /// IP total length, of IPv6 the payload length; `None` for the right one.
    pub total_length: Option<u16>,
    /// UDP length; `None` for the right one.
    pub udp_length: Option<u16>,
    /// What follows the UDP header.
    pub payload: Vec<u8>,
    /// Bytes after the IP datagram, as Ethernet pads short frames.
    pub padding: usize,
}

impl Packet {
    /// A UDP datagram with nothing unusual about it.
    #[must_use]
    pub fn udp(source: ([u8; 4], u16), destination: ([u8; 4], u16), payload: Vec<u8>) -> Self {
        Self {
            stations: [[2, 0, 0, 0, 0, 0xee], [2, 0, 0, 0, 0, 0x11]],
            vlan: None,
            kind: 0x0800,
            version_ihl: None,
            traffic_class: 0xb8,
            identification: 0x1234,
            fragment: 0x4000,
            ttl: 57,
            protocol: 17,
            source,
            destination,
            v6: None,
            flow_label: 0xbeef5,
            options: Vec::new(),
            bad_ip_checksum: false,
            udp_checksum: UdpChecksum::Right,
            total_length: None,
            udp_length: None,
            payload,
            padding: 0,
        }
    }

    /// The same over IPv6.
    #[must_use]
    pub fn udp_v6(source: ([u8; 16], u16), destination: ([u8; 16], u16), payload: Vec<u8>) -> Self {
        Self::udp(([0; 4], 0), ([0; 4], 0), payload).between_v6(source, destination)
    }

    /// This packet from and to elsewhere, over IPv6.
    #[must_use]
    pub fn between_v6(self, source: ([u8; 16], u16), destination: ([u8; 16], u16)) -> Self {
        let (v6, kind) = (Some([source.0, destination.0]), 0x86dd);
        Self { v6, kind, source: ([0; 4], source.1), destination: ([0; 4], destination.1), ..self }
    }

    /// This packet from and to elsewhere, over IPv4.
    #[must_use]
    pub fn between_v4(self, source: ([u8; 4], u16), destination: ([u8; 4], u16)) -> Self {
        Self { v6: None, kind: 0x0800, source, destination, ..self }
    }

    /// This packet after `change`.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Its bytes.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut frame: Vec<u8> = self.stations.concat();
        if let Some(vlan) = self.vlan {
            frame.extend(0x8100_u16.to_be_bytes());
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(self.kind.to_be_bytes());
        let datagram = self.datagram();
        frame.extend(match self.v6 {
            None => self.ip_header(datagram.len()),
            Some(addresses) => self.v6_header(addresses, datagram.len()),
        });
        frame.extend(datagram);
        frame.resize(frame.len() + self.padding, 0);
        frame
    }

    fn ip_header(&self, datagram_len: usize) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let ihl = u8::try_from(header_len / 4).expect("options fit the header");
        let mut header = vec![self.version_ihl.unwrap_or(0x40 | ihl), self.traffic_class];
        header.extend(self.total_length.unwrap_or(length(header_len + datagram_len)).to_be_bytes());
        header.extend(self.identification.to_be_bytes());
        header.extend(self.fragment.to_be_bytes());
        header.extend([self.ttl, self.protocol, 0, 0]);
        header.extend(self.source.0);
        header.extend(self.destination.0);
        header.extend(&self.options);
        let checksum = checksum(&header) ^ if self.bad_ip_checksum { 0x0101 } else { 0 };
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    fn v6_header(&self, addresses: [[u8; 16]; 2], datagram_len: usize) -> Vec<u8> {
        let first = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label;
        let mut header = first.to_be_bytes().to_vec();
        header[0] = self.version_ihl.unwrap_or(header[0]);
        header.extend(self.total_length.unwrap_or(length(self.options.len() + datagram_len)).to_be_bytes());
        header.extend([self.protocol, self.ttl]);
        header.extend(addresses.concat());
        header.extend(&self.options);
        header
    }

    /// Source and destination, and what else is covered but not sent (RFC 768, RFC 8200 section 8.1).
    fn pseudo_header(&self, udp_length: [u8; 2]) -> Vec<u8> {
        const UDP: u8 = 17;
        let mut pseudo = match self.v6 {
            None => [self.source.0, self.destination.0].concat(),
            Some(addresses) => addresses.concat(),
        };
        if self.v6.is_some() {
            pseudo.extend([0, 0]);
            pseudo.extend(udp_length);
            pseudo.extend([0, 0, 0, UDP]);
        } else {
            pseudo.extend([0, self.protocol]);
            pseudo.extend(udp_length);
        }
        pseudo
    }

    fn datagram(&self) -> Vec<u8> {
        let udp_length = self.udp_length.unwrap_or(length(8 + self.payload.len())).to_be_bytes();
        let mut datagram: Vec<u8> = [self.source.1.to_be_bytes(), self.destination.1.to_be_bytes()].concat();
        datagram.extend(udp_length);
        datagram.extend([0, 0]);
        datagram.extend(&self.payload);
        if self.udp_checksum == UdpChecksum::Right {
            let mut pseudo = self.pseudo_header(udp_length);
            pseudo.extend(&datagram);
            let checksum = match checksum(&pseudo) {
                0 => 0xffff,
                checksum => checksum,
            };
            datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
        }
        datagram
    }
}

/// An RTP packet of `payload_len` bytes of G.711 silence.
#[must_use]
pub fn rtp(sequence: u16, timestamp: u32, ssrc: u32, payload_len: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(12 + payload_len, 0xd5);
    packet
}

/// An empty RTCP receiver report.
#[must_use]
pub fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet
}

/// RFC 1071, in full and in the plainest way: the test of the incremental one.
fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the loop leaves 16 bits")]
    !(sum as u16)
}

fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).expect("a test packet is shorter than 64 KiB")
}
