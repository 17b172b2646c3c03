//! What two legs let cross: one stream, said anew in the terms of both their trunks.

use super::SdpError;
use super::digits::{Digits, Ways};
use super::format::{MediaFormat, select};
use super::keys::has_fingerprint;
use super::pairing::{Pair, pair};
use super::stream::{Kind, MediaStream, may_share_a_port};
use crate::media::{Encryption, PAYLOADS_MAX};
use crate::policy::{Codec, CodecPolicy, Dtls, Srtp, Trunk};

/// What a T.38 stream is called where codecs are denied.
const T38: &str = "T38";

/// Formats that a leg is told; the longest lists in use have about 25. The datapath has room for these, numbered twice.
const FORMATS_TOLD_MAX: usize = PAYLOADS_MAX / 2;

/// The terms of an offer's way from one leg, near, to the other, far.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    near: &'a CodecPolicy,
    far: &'a CodecPolicy,
    /// Whether keys may cross: both trunks want that.
    secure: bool,
    /// Whether handshakes that agree on keys may: both trunks want that.
    dtls: bool,
    /// Whether G.711 may cross as the other law: either trunk wants that.
    converts_law: bool,
    /// Whether media goes from one leg to the other without the edge.
    pub(super) direct: bool,
    /// How digits go to and from both.
    pub(super) digits: Ways,
}

impl<'a> Terms<'a> {
    /// The terms between the trunks of both legs.
    #[must_use]
    pub fn between(near: &'a Trunk, far: &'a Trunk) -> Self {
        let passes = |trunk: &Trunk| trunk.srtp == Srtp::Passthrough;
        let converts_law = near.media.converts_law || far.media.converts_law;
        let (secure, digits) = (passes(near) && passes(far), Ways::between(near, far));
        let dtls = near.media.dtls == Dtls::Pass && far.media.dtls == Dtls::Pass;
        Self { near: &near.codecs, far: &far.codecs, secure, dtls, converts_law, direct: false, digits }
    }

    /// The same for media that does not pass the edge, if it is `direct`: nobody converts anything on its way then.
    #[must_use]
    pub const fn directly(self, direct: bool) -> Self {
        let (converts_law, digits) = (self.converts_law && !direct, self.digits.directly(direct));
        Self { converts_law, direct, digits, ..self }
    }

    /// What the far leg is offered of a stream.
    ///
    /// Formats are those that both trunks permit, in the order of the far one's preference, else in the offer's; what is no
    /// codec itself (telephone-event, CN) then comes last. RTCP is offered on RTP's port when the stream had it so.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn offered(&self, stream: &MediaStream) -> Result<MediaStream, SdpError> {
        match stream.kind {
            Kind::Video => return Err(SdpError::Video),
            Kind::Fax if !self.permits_fax() => return Err(SdpError::NoCommonCodec),
            Kind::Fax => return Ok(stream.clone()),
            Kind::Audio => {}
        }
        self.admit(stream)?;
        let candidates = self.candidates(stream);
        let mut formats = select(&candidates, |format| {
            if is_of(stream, format) { self.permits(format) } else { self.far.permits(&format.encoding) }
        });
        formats.truncate(FORMATS_TOLD_MAX);
        if !self.far.allow.is_empty() {
            formats.sort_by_key(|format| (!format.is_codec(), self.far.preference(&format.encoding)));
        }
        // What has to be converted is taken where nothing else can be.
        if formats.iter().any(|format| !is_of(stream, format)) {
            formats.sort_by_key(|format| (!format.is_codec(), !is_of(stream, format)));
        }
        has_codec(&formats)?;
        self.digits.tell(stream, &mut formats, self.far.permits("telephone-event"));
        let keys_cross = self.secure && stream.encryption() != Encryption::Handshake;
        let crypto = if keys_cross { stream.crypto.clone() } else { Vec::new() };
        Ok(MediaStream { formats, crypto, ..stream.clone() })
    }

    /// Whether a stream may be encrypted as it is, if it is.
    fn admit(&self, stream: &MediaStream) -> Result<(), SdpError> {
        match stream.encryption() {
            Encryption::Described if !self.secure => Err(SdpError::Protocol { protocol: stream.protocol }),
            Encryption::Described if stream.crypto.is_empty() => Err(SdpError::NoCommonKeys),
            Encryption::Handshake if !self.dtls => Err(SdpError::Dtls),
            Encryption::Handshake if !has_fingerprint(&stream.handshake) => Err(SdpError::NoFingerprint),
            Encryption::Clear | Encryption::Described | Encryption::Handshake => Ok(()),
        }
    }

    /// What the near leg, which offered `first`, hears of the far leg's answer to what it was `told`.
    ///
    /// Formats are the answer's, limited to what was told, under the offer's numbers; the direction is the answer's as
    /// far as the offer allows it. RTCP on RTP's port is each leg's own affair: the datapath moves it. Where media is `direct` the
    /// numbers are the answer's, and so is that, as it is where a handshake of each port agrees on keys. With it the formats of both legs, each with the other's, and what becomes of
    /// digits on these `ways`.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub(super) fn answered(
        first: &MediaStream,
        told: &MediaStream,
        answer: &MediaStream,
        (direct, ways): (bool, Ways),
    ) -> Result<(MediaStream, Vec<Pair>, Digits), SdpError> {
        if answer.kind != told.kind {
            return Err(SdpError::NoMedia);
        }
        if answer.encryption() != told.encryption() {
            return Err(SdpError::Answered { offered: told.protocol, answered: answer.protocol });
        }
        let renumbers = !direct && !told.protocol.is_secure();
        let pairs = pair(&first.formats, &told.formats, &answer.formats, renumbers);
        let mut formats: Vec<MediaFormat> = Vec::with_capacity(pairs.len());
        for Pair { near, .. } in &pairs {
            if formats.iter().all(|format| format.payload_type != near.payload_type) {
                formats.push(near.clone());
            }
        }
        if told.kind != Kind::Fax {
            has_codec(&formats)?;
        }
        let digits = ways.agree((first, told), answer, &pairs, &mut formats);
        let offered = |crypto: &&String| told.crypto.iter().any(|other| key_name(other) == key_name(crypto));
        let crypto: Vec<String> = answer.crypto.iter().filter(offered).take(1).cloned().collect();
        match told.encryption() {
            Encryption::Described if crypto.is_empty() => return Err(SdpError::NoCommonKeys),
            Encryption::Handshake if !has_fingerprint(&answer.handshake) => {
                return Err(SdpError::NoFingerprint);
            }
            Encryption::Clear | Encryption::Described | Encryption::Handshake => {}
        }
        // A handshake is of one port, so both legs have as many of them.
        let as_answered = direct || told.encryption() == Encryption::Handshake;
        let heard = MediaStream {
            protocol: first.protocol,
            direction: answer.direction.answering(first.direction),
            rtcp_mux: first.rtcp_mux && may_share_a_port(&formats) && (answer.rtcp_mux || !as_answered),
            formats,
            crypto,
            ..answer.clone()
        };
        Ok((heard, pairs, digits))
    }

    /// The formats of an offer, and behind those of G.711 the other law, if it may cross as that and is not there itself.
    fn candidates(&self, stream: &MediaStream) -> Vec<MediaFormat> {
        let mut candidates = stream.formats.clone();
        if !self.converts_law || stream.protocol.is_secure() || !stream.crypto.is_empty() {
            return candidates;
        }
        for format in stream.formats.iter().filter(|format| self.near.permits(&format.encoding)) {
            let Some(other) = format.other_law() else { continue };
            let known =
                |known: &MediaFormat| known.payload_type == other.payload_type || known.same_encoding(&other);
            if !candidates.iter().any(known) {
                candidates.push(other);
            }
        }
        candidates
    }

    fn permits(&self, format: &MediaFormat) -> bool {
        self.near.permits(&format.encoding) && self.far.permits(&format.encoding)
    }

    /// A list of codecs that are allowed does not speak of fax; one of codecs that are denied may.
    fn permits_fax(&self) -> bool {
        let denied = |policy: &CodecPolicy| policy.deny.iter().any(|codec: &Codec| codec.is(T38));
        !denied(self.near) && !denied(self.far)
    }
}

/// Whether a format is one that the stream's owner has described itself.
fn is_of(stream: &MediaStream, format: &MediaFormat) -> bool {
    stream.formats.iter().any(|own| own.payload_type == format.payload_type && own.same_encoding(format))
}

fn has_codec(formats: &[MediaFormat]) -> Result<(), SdpError> {
    formats.iter().any(MediaFormat::is_codec).then_some(()).ok_or(SdpError::NoCommonCodec)
}

/// `<tag> <crypto-suite>`, by which an answer names what it takes (RFC 4568 section 5.1.2).
fn key_name(crypto: &str) -> Option<(&str, &str)> {
    let mut fields = crypto.split_ascii_whitespace();
    Some((fields.next()?, fields.next()?))
}
