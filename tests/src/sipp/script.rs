//! A SIPp scenario written step by step, for drills of what two sides say to each other within a call: the scenario as a file
//! would be a few steps among hundreds of lines of headers.
//!
//! Each step is one message, sent or received, in its order. What is checked are headers and bodies, by regular expressions; a
//! call whose messages do not match has failed.

use std::fmt::Write as _;

use super::Scenario;

/// What a message is looked at for: a header and a regular expression, or [`BODY`] and one, or either one with [`NOT`] before it.
pub type Checks<'check> = &'check [(&'check str, &'check str)];

/// Where a body is looked at instead of a header.
pub const BODY: &str = "";

/// Before an expression that must not match.
pub const NOT: char = '!';

/// Who plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Caller,
    Called,
}

/// A scenario that grows.
#[derive(Debug)]
pub struct Script {
    name: &'static str,
    role: Role,
    steps: String,
    /// CSeq of the newest request of ours, and of the newest INVITE of ours.
    sequence: u32,
    invited: u32,
    /// Whether the dialog is there.
    began: bool,
}

impl Script {
    /// Of who calls `[service]`.
    pub const fn caller(name: &'static str) -> Self {
        Self { name, role: Role::Caller, steps: String::new(), sequence: 0, invited: 0, began: false }
    }

    /// Of who is called.
    pub fn called(name: &'static str) -> Self {
        Self { role: Role::Called, ..Self::caller(name) }
    }

    /// As it is played. It lives as long as the process does, as those of files do.
    pub fn scenario(self) -> Scenario {
        let xml = format!(
            "<?xml version=\"1.0\"?>\n<scenario name=\"{}\">\n{}\
             <nop><action><assignstr assign_to=\"seen\" value=\"\"/><assignstr assign_to=\"remote\" value=\"\"/>\
             </action></nop>\n<Reference variables=\"seen,remote\"/>\n</scenario>\n",
            self.name, self.steps
        );
        Scenario { name: self.name, xml: xml.leak() }
    }

    /// Sends a request; the first INVITE of a caller begins the call.
    pub fn asks(mut self, method: &str, headers: &[&str], body: &str) -> Self {
        self.sequence += 1;
        if method == "INVITE" {
            self.invited = self.sequence;
        }
        let (sequence, from) = (self.sequence, self.local());
        let begins = self.role == Role::Caller && !self.began;
        let uri = if begins { "sip:[service]@[remote_ip]:[remote_port]" } else { "[next_url]" };
        let to = if begins { format!("To: <{uri}>") } else { "To[$remote]\n[routes]".to_owned() };
        let start = format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             Max-Forwards: 70\nFrom: {from}\n{to}\nCall-ID: [call_id]\nCSeq: {sequence} {method}"
        );
        self.send(&start, headers, body, true)
    }

    /// Acknowledges the 2xx to the newest INVITE, with an answer in the body where the 2xx made an offer.
    pub fn acknowledges(self, body: &str) -> Self {
        let (sequence, from) = (self.invited, self.local());
        let start = format!(
            "ACK [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             Max-Forwards: 70\nFrom: {from}\nTo[$remote]\n[routes]\nCall-ID: [call_id]\nCSeq: {sequence} ACK"
        );
        self.send(&start, &[], body, false)
    }

    /// Acknowledges the refusal that it has just heard, of the newest INVITE.
    pub fn acknowledges_refusal(self) -> Self {
        let (sequence, from) = (self.invited, self.local());
        let uri = if self.began { "[next_url]" } else { "sip:[service]@[remote_ip]:[remote_port]" };
        let start = format!(
            "ACK {uri} SIP/2.0\n[last_Via:]\nMax-Forwards: 70\nFrom: {from}\n[last_To:]\nCall-ID: [call_id]\n\
             CSeq: {sequence} ACK"
        );
        self.send(&start, &[], "", false)
    }

    /// Withdraws the INVITE that is open.
    pub fn cancels(self, headers: &[&str]) -> Self {
        let (sequence, from) = (self.invited, self.local());
        let uri = "sip:[service]@[remote_ip]:[remote_port]";
        let start = format!(
            "CANCEL {uri} SIP/2.0\n[last_Via:]\nMax-Forwards: 70\nFrom: {from}\nTo: <{uri}>\nCall-ID: [call_id]\n\
             CSeq: {sequence} CANCEL"
        );
        self.send(&start, headers, "", true)
    }

    /// Hears a response.
    pub fn hears(mut self, code: u16, checks: Checks<'_>) -> Self {
        let begins = self.role == Role::Caller && !self.began && (200..300).contains(&code);
        self.began |= begins;
        self.receive(&format!("response=\"{code}\""), begins.then_some("To"), checks)
    }

    /// May hear a response before the next one.
    pub fn may_hear(mut self, code: u16) -> Self {
        let _ = writeln!(self.steps, "<recv response=\"{code}\" optional=\"true\"/>");
        self
    }

    /// Gets a request.
    pub fn is_asked(mut self, method: &str, checks: Checks<'_>) -> Self {
        let begins = self.role == Role::Called && !self.began && method == "INVITE";
        self.began |= begins;
        self.receive(&format!("request=\"{method}\""), begins.then_some("From"), checks)
    }

    /// Answers the request that it has just got.
    pub fn answers(self, status: &str, headers: &[&str], body: &str) -> Self {
        // An ACK ends the repetition, and only an INVITE has one.
        let last = self.steps.rfind("<recv request=").map_or("", |at| &self.steps[at..]);
        let again = !status.starts_with('1') && last.starts_with("<recv request=\"INVITE\"");
        let start = format!(
            "SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:]{}\n[last_Call-ID:]\n[last_CSeq:]\n\
             [last_Record-Route:]",
            self.tag_of_first()
        );
        self.send(&start, headers, body, again)
    }

    /// Answers the INVITE that began the call or that was [kept](Self::keeps), after other messages.
    pub fn answers_kept(self, status: &str, headers: &[&str], body: &str) -> Self {
        let start = format!(
            "SIP/2.0 {status}\nVia[$via]\nFrom[$kept_from]\nTo[$kept_to]{}\nCall-ID: [call_id]\nCSeq[$sequence]",
            self.tag_of_first()
        );
        self.send(&start, headers, body, true)
    }

    /// Gets an INVITE that it answers later.
    pub fn keeps_invite(mut self, checks: Checks<'_>) -> Self {
        self = self.is_asked("INVITE", checks);
        let kept = [("Via", "via"), ("CSeq", "sequence"), ("From", "kept_from"), ("To", "kept_to")];
        let actions = kept.map(|(header, name)| expression(header, ".*", name));
        let end = self.steps.trim_end().len() - "</action></recv>".len();
        self.steps.insert_str(end, &actions.concat());
        self
    }

    /// Lets time go by.
    pub fn waits(mut self, ms: u32) -> Self {
        let _ = writeln!(self.steps, "<pause milliseconds=\"{ms}\"/>");
        self
    }

    /// The address that it speaks as, with its tag.
    fn local(&self) -> &'static str {
        match self.role {
            Role::Caller => "<sip:+442079460000@[local_ip]:[local_port]>;tag=caller-[pid]-[call_number]",
            Role::Called => "<sip:called@[local_ip]:[local_port]>;tag=called-[pid]-[call_number]",
        }
    }

    /// To of a request within the dialog has our tag already.
    fn tag_of_first(&self) -> &'static str {
        let first = self.role == Role::Called && self.steps.matches("<recv request=\"INVITE\"").count() == 1;
        let only = !self.steps.contains("request=\"ACK\"");
        if first && only { ";tag=called-[pid]-[call_number]" } else { "" }
    }

    fn send(mut self, start: &str, headers: &[&str], body: &str, again: bool) -> Self {
        let again = if again { " retrans=\"500\"" } else { "" };
        let contact = match self.role {
            Role::Caller => "caller",
            Role::Called => "called",
        };
        let mut message =
            format!("{start}\nContact: <sip:{contact}@[local_ip]:[local_port];transport=[transport]>\n");
        headers.iter().for_each(|header| message.push_str(&format!("{header}\n")));
        if body.starts_with("v=0") {
            message.push_str("Content-Type: application/sdp\n");
        }
        message.push_str(&format!("Content-Length: [len]\n\n{body}"));
        let _ = writeln!(self.steps, "<send{again}><![CDATA[\n{message}\n]]></send>");
        self
    }

    fn receive(mut self, what: &str, remote: Option<&str>, checks: Checks<'_>) -> Self {
        let remote = remote.map(|header| expression(header, ".*", "remote")).unwrap_or_default();
        let checks: String = checks.iter().map(|(header, expected)| check(header, expected)).collect();
        let _ = writeln!(self.steps, "<recv {what} rrs=\"true\"><action>{remote}{checks}</action></recv>");
        self
    }
}

fn check(header: &str, expected: &str) -> String {
    let (expected, must) = match expected.strip_prefix(NOT) {
        Some(unwanted) => (unwanted, "check_it_inverse"),
        None => (expected, "check_it"),
    };
    let place = if header == BODY {
        "search_in=\"body\"".to_owned()
    } else {
        // With its colon, for SIPp finds a name anywhere in a line.
        format!("search_in=\"hdr\" header=\"{header}:\"")
    };
    format!("<ereg regexp=\"{}\" {place} {must}=\"true\" assign_to=\"seen\"/>", escaped(expected))
}

fn expression(header: &str, expression: &str, name: &str) -> String {
    format!("<ereg regexp=\"{expression}\" search_in=\"hdr\" header=\"{header}\" assign_to=\"{name}\"/>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A description of one PCMA stream at `address`, in this version, with these lines behind it.
pub fn speech_at(address: &str, version: u32, lines: &[&str]) -> String {
    let mut sdp = format!(
        "v=0\no=script 1 {version} IN IP[media_ip_type] [media_ip]\ns=-\nc=IN IP[media_ip_type] {address}\nt=0 0\n\
         m=audio [media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20"
    );
    lines.iter().for_each(|line| sdp.push_str(&format!("\n{line}")));
    sdp
}

/// The same at its own address.
pub fn speech(version: u32, lines: &[&str]) -> String {
    speech_at("[media_ip]", version, lines)
}
