//! The formats of an RTP stream: payload types and what they mean (RFC 8866 section 6.6, RFC 3551 section 6).

use std::borrow::Cow;

use super::SdpError;
use super::address::names_an_address;
use super::session::MediaDescription;

/// Formats that are read of one m= line; the longest lists in use have about 25.
const FORMATS_MAX: usize = 64;

/// One format of the m= line (RFC 8866 section 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFormat {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name as written, or that of the static table (RFC 3551 section 6).
    pub encoding: Cow<'static, str>,
    /// RTP timestamp ticks a second.
    pub clock_rate: u32,
    /// Encoding parameters: for audio the number of channels.
    pub parameters: Option<String>,
    /// Whether an rtpmap line was written; a static payload type does not need one.
    pub mapped: bool,
    /// Values of its fmtp lines; none names an address.
    pub fmtp: Vec<String>,
}

impl MediaFormat {
    /// Whether it carries speech or pictures itself, and not tones, noise or copies of other formats.
    #[must_use]
    pub fn is_codec(&self) -> bool {
        let beside = ["telephone-event", "tone", "CN", "red", "rtx", "ulpfec", "flexfec"];
        !beside.iter().any(|name| self.is(name))
    }

    /// Whether this is its encoding name (RFC 8866 section 6.6: without regard to case).
    pub(super) fn is(&self, encoding: &str) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding)
    }

    /// Whether both are the same encoding, under whichever payload type: an answer may number it anew (RFC 3264 section
    /// 6.1), and each side then sends by the other one's number.
    pub(super) fn same_encoding(&self, other: &Self) -> bool {
        let channels = |format: &Self| format.parameters.clone().filter(|channels| channels != "1");
        self.is(&other.encoding) && self.clock_rate == other.clock_rate && channels(self) == channels(other)
    }

    /// Whether one is A-law and the other mu-law of G.711, otherwise the same.
    pub(super) fn is_other_law_of(&self, other: &Self) -> bool {
        let law = |format: &Self| {
            let speech =
                format.clock_rate == 8_000 && format.parameters.as_deref().is_none_or(|count| count == "1");
            (speech && format.is("PCMA"), speech && format.is("PCMU"))
        };
        matches!((law(self), law(other)), ((true, false), (false, true)) | ((false, true), (true, false)))
    }

    /// The other law of G.711, under its static number (RFC 3551 table 4); `None` of another format.
    pub(super) fn other_law(&self) -> Option<Self> {
        [0, 8].into_iter().filter_map(static_format).find(|other| other.is_other_law_of(self))
    }

    /// Payload types that it packs into itself: `red`'s (RFC 2198) and `rtx`'s (RFC 4588).
    pub(super) fn carried(&self) -> Vec<u8> {
        let of_red = self.is("red").then(|| self.fmtp.iter().flat_map(|value| value.split('/')));
        let of_rtx = self.is("rtx").then(|| self.fmtp.iter().flat_map(|value| value.split(';')));
        let apt = |field: &str| field.trim().strip_prefix("apt=").and_then(|number| number.parse().ok());
        let of_red = of_red.into_iter().flatten().filter_map(|number| number.trim().parse().ok());
        of_red.chain(of_rtx.into_iter().flatten().filter_map(apt)).collect()
    }
}

/// Of `formats` those that are `permitted`, and still make sense without the others: telephone events and comfort noise
/// only of a clock rate that a codec has (RFC 4733 section 2.1), unless they never had one; copies only of what is left.
pub(super) fn select(formats: &[MediaFormat], permitted: impl Fn(&MediaFormat) -> bool) -> Vec<MediaFormat> {
    let kept: Vec<&MediaFormat> = formats.iter().filter(|format| permitted(format)).collect();
    let fits = |format: &&&MediaFormat| {
        let is_its_codec = |other: &MediaFormat| other.is_codec() && other.clock_rate == format.clock_rate;
        let lost_its_codec =
            !kept.iter().any(|other| is_its_codec(other)) && formats.iter().any(is_its_codec);
        let carried = format.carried();
        let copies = carried.iter().all(|number| kept.iter().any(|other| other.payload_type == *number));
        format.is_codec() || (!lost_its_codec && copies)
    };
    kept.iter().filter(fits).map(|format| (*format).clone()).collect()
}

/// The formats of an m= line in its owner's order; those with an unknown payload type and no rtpmap are left out.
pub(super) fn read_formats(media: &MediaDescription<'_>) -> Result<Vec<MediaFormat>, SdpError> {
    let mut formats: Vec<MediaFormat> = Vec::new();
    let malformed = SdpError::Malformed { line: media.line };
    for field in media.formats.split_ascii_whitespace().take(FORMATS_MAX) {
        let payload_type: u8 = field.parse().ok().filter(|number| *number < 128).ok_or(malformed)?;
        let known = formats.iter().any(|format| format.payload_type == payload_type);
        let format = read_rtpmap(media, payload_type)?.or_else(|| static_format(payload_type));
        if let (Some(mut format), false) = (format, known) {
            let values = about(media, "fmtp", payload_type).map(|(_, value)| value);
            format.fmtp = values.filter(|value| !names_an_address(value)).map(str::to_owned).collect();
            formats.push(format);
        }
    }
    Ok(formats)
}

/// Values of the attributes called `name` that speak of `payload_type`, with their line numbers.
fn about<'a>(
    media: &MediaDescription<'a>,
    name: &'static str,
    payload_type: u8,
) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
    media.attributes().filter(move |(_, found, _)| *found == name).filter_map(move |(line, _, value)| {
        let (number, rest) = value.split_once(' ')?;
        (number.parse() == Ok(payload_type)).then_some((line, rest.trim()))
    })
}

/// `<encoding>/<clock rate>[/<parameters>]`
fn read_rtpmap(media: &MediaDescription<'_>, payload_type: u8) -> Result<Option<MediaFormat>, SdpError> {
    let Some((line, value)) = about(media, "rtpmap", payload_type).next() else { return Ok(None) };
    if names_an_address(value) {
        return Err(SdpError::Malformed { line });
    }
    let mut fields = value.splitn(3, '/');
    let encoding = fields.next().filter(|name| !name.is_empty() && !name.contains(' '));
    let clock_rate = fields.next().and_then(|rate| rate.parse().ok()).filter(|rate| *rate != 0);
    let (Some(encoding), Some(clock_rate)) = (encoding, clock_rate) else {
        return Err(SdpError::Malformed { line });
    };
    Ok(Some(MediaFormat {
        payload_type,
        encoding: usual(encoding),
        clock_rate,
        parameters: fields.next().map(str::to_owned),
        mapped: true,
        fmtp: Vec::new(),
    }))
}

/// An encoding name as it is written: one of those in nearly every description takes no memory, however often it is copied.
fn usual(name: &str) -> Cow<'static, str> {
    const USUAL: [&str; 8] = ["PCMA", "PCMU", "telephone-event", "G722", "G729", "opus", "CN", "AMR-WB"];
    let usual = USUAL.into_iter().find(|usual| *usual == name);
    usual.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed)
}

/// RFC 3551 section 6, tables 4 and 5.
fn static_format(payload_type: u8) -> Option<MediaFormat> {
    let (encoding, clock_rate) = match payload_type {
        0 => ("PCMU", 8_000),
        3 => ("GSM", 8_000),
        4 => ("G723", 8_000),
        5 => ("DVI4", 8_000),
        6 => ("DVI4", 16_000),
        7 => ("LPC", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000), // Really 16,000: RFC 3551 section 4.5.2 keeps an old mistake.
        10 | 11 => ("L16", 44_100),
        12 => ("QCELP", 8_000),
        13 => ("CN", 8_000),
        14 => ("MPA", 90_000),
        15 => ("G728", 8_000),
        16 => ("DVI4", 11_025),
        17 => ("DVI4", 22_050),
        18 => ("G729", 8_000),
        26 => ("JPEG", 90_000),
        31 => ("H261", 90_000),
        34 => ("H263", 90_000),
        _ => return None,
    };
    let encoding = Cow::Borrowed(encoding);
    let parameters = (payload_type == 10).then(|| "2".to_owned());
    Some(MediaFormat { payload_type, encoding, clock_rate, parameters, mapped: false, fmtp: Vec::new() })
}
