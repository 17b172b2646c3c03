//! Bodies as gateways write them.

use bytes::Bytes;

use super::{Duration, read, write};
use crate::media::Digit;
use crate::sip::{Message, MessageLimits};

fn message(body: &str) -> Message {
    let text = format!("INFO sip:1@192.0.2.1 SIP/2.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    Message::parse(Bytes::from(text), &MessageLimits::default()).unwrap()
}

#[test]
fn digits_are_read_as_gateways_write_them() {
    let rows = [
        ("Signal=5\r\nDuration=160\r\n", Some(('5', 160))),
        ("Signal= *\r\nDuration= 250", Some(('*', 250))),
        ("signal=#\nduration=100\n", Some(('#', 100))),
        ("Duration=100\r\nSignal=d\r\n", Some(('D', 100))),
        ("Signal=10\r\n", Some(('*', 160))),
        ("Signal=15\r\n", Some(('D', 160))),
        ("7", Some(('7', 160))),
        (" A \r\n", Some(('A', 160))),
        ("Signal=5\r\nDuration=1\r\n", Some(('5', 40))),
        ("Signal=5\r\nDuration=99999999999\r\n", Some(('5', 5000))),
        ("Signal=5\r\nDuration=-1\r\n", Some(('5', 160))),
        ("Signal=16\r\n", None),
        ("Signal=hf\r\n", None),
        ("Signal=\r\nDuration=160\r\n", None),
        ("Signal=55\r\n", None),
        ("", None),
    ];
    for (body, expected) in rows {
        let digit = read(&message(body)).map(|digit| (digit.symbol(), digit.duration().as_millis()));
        assert_eq!(digit, expected, "{body}");
    }
    let mut latin = b"INFO sip:1@h SIP/2.0\r\nContent-Length: 2\r\n\r\n".to_vec();
    latin.extend([0xe9, 0xff]);
    assert_eq!(read(&Message::parse(latin.into(), &MessageLimits::default()).unwrap()), None);
}

#[test]
fn what_is_written_is_read() {
    for event in 0..16 {
        let digit = Digit::new(event, Duration::from_millis(120)).expect("a digit");
        assert_eq!(read(&message(&write(digit))), Some(digit));
    }
    assert_eq!(Digit::new(16, Duration::ZERO), None);
}
