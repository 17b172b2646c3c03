//! Testing a trunk: what was found, and what is wrong in the words of a person.

mod words;

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Path, State};
use edge_core::edge::{Heard, TestedTarget};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runtime::{Control, Findings, Inspected, Looked, NoTest, clock};
use crate::tls::Certificate;

use super::{Complaint, Failure, Registration};

/// What a test of a trunk has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrunkTest {
    /// Its name.
    pub trunk: String,
    /// What is wrong, in sentences; empty when a call would get through.
    pub problems: Vec<String>,
    /// What DNS was asked and said, where its host is a name.
    pub lookups: Vec<Lookup>,
    /// Where that leads now, in the order in which calls try it.
    pub leads: Vec<String>,
    /// Each address that calls try.
    pub targets: Vec<TargetTest>,
    /// Our registration with it, asked for anew, where it is known by that.
    pub registration: Option<Registration>,
}

/// A question to DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lookup {
    /// The name.
    pub name: String,
    /// `NAPTR`, `SRV`, `A` or `AAAA`.
    pub kind: String,
    /// The records as a zone has them.
    pub records: Vec<String>,
    /// For how many seconds they hold.
    pub ttl_s: Option<u64>,
    /// Why there are none.
    pub problem: Option<String>,
}

/// What was found at one address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetTest {
    /// `udp:198.51.100.10:5060`.
    pub target: String,
    /// Status of the answer to OPTIONS.
    pub status: Option<u16>,
    /// What the peer calls that status.
    pub reason: Option<String>,
    /// What the peer says to be.
    pub server: Option<String>,
    /// From OPTIONS to its end, in milliseconds; over a connection that was not there before with the time to open it.
    pub took_ms: f64,
    /// How long a connection takes to be opened, in milliseconds.
    pub connect_ms: Option<f64>,
    /// The handshake of TLS.
    pub tls: Option<TlsTest>,
    /// What is wrong, in a sentence.
    pub problem: Option<String>,
}

/// What a handshake has shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TlsTest {
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// Version of TLS.
    pub version: Option<String>,
    /// What encrypts.
    pub cipher: Option<String>,
    /// Whom the server's certificate is for.
    pub names: Option<String>,
    /// Who says to have signed it.
    pub issuer: Option<String>,
    /// Until when it counts.
    pub expires: Option<String>,
    /// In how many days that is.
    pub days_left: Option<u64>,
}

/// Asks a trunk by OPTIONS at each of its addresses, registers with it anew where we do that, asks DNS for its name, and looks at
/// its connections and certificates. It takes as long as the slowest of these, ten seconds at most. No call notices.
#[utoipa::path(post, path = "/v1/trunks/{name}/test", responses(
    (status = 200, body = TrunkTest), (status = 404, body = Complaint),
    (status = 503, description = "Another test of it is under way, or edge is too busy.", body = Complaint),
))]
pub(super) async fn test(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<TrunkTest>, Failure> {
    match control.test_trunk(&name).await {
        Ok(findings) => Ok(Json(TrunkTest::of(&findings, control.node().since_epoch()))),
        Err(NoTest::NoTrunk) => {
            Err(Failure::NotFound(format!("no trunk {name}; `edge trunk list` shows those that there are")))
        }
        Err(NoTest::UnderWay) => Err(Failure::Occupied(NoTest::UnderWay.to_string())),
        Err(NoTest::NoAnswer(why)) => Err(Failure::Busy(why)),
    }
}

impl TrunkTest {
    fn of(findings: &Findings, since_epoch: Duration) -> Self {
        let Findings { trunk, names, inspected, tested } = findings;
        let of_target = |target: &TestedTarget| {
            let at = |line: &&Inspected| (line.address, line.transport) == (target.address, target.transport);
            TargetTest::of(findings, target, inspected.iter().find(at))
        };
        let targets: Vec<_> = tested.targets.iter().map(of_target).collect();
        let (lookups, leads) = match names {
            Some(names) => (names.looked.iter().map(Lookup::of).collect(), names.leads.clone()),
            None => (Vec::new(), Ok(Vec::new())),
        };
        let mut problems: Vec<String> = words::of_names(trunk, names.as_ref()).into_iter().collect();
        problems.extend(targets.iter().filter_map(|target| target.problem.clone()));
        problems.extend(words::of_registration(trunk, tested.settled, clock::now()));
        problems.extend(words::of_bindings(trunk, since_epoch));
        let registration = Registration::of(trunk);
        let leads = leads.unwrap_or_default();
        Self { trunk: trunk.name.clone(), problems, lookups, leads, targets, registration }
    }
}

impl Lookup {
    fn of(looked: &Looked) -> Self {
        let Looked { name, kind, records, ttl, problem } = looked;
        Self {
            name: name.clone(),
            kind: (*kind).to_owned(),
            records: records.clone(),
            ttl_s: ttl.map(|ttl| ttl.as_secs()),
            problem: problem.map(str::to_owned),
        }
    }
}

impl TargetTest {
    fn of(findings: &Findings, tested: &TestedTarget, inspected: Option<&Inspected>) -> Self {
        let TestedTarget { address, transport, took, heard } = tested;
        let (status, reason, server) = match heard {
            Heard::Answer { code, reason, server } => {
                (Some(code.as_u16()), Some(reason.clone()), server.clone())
            }
            Heard::Silence | Heard::Undelivered | Heard::NoConnection | Heard::NoListener | Heard::NoRoom => {
                (None, None, None)
            }
        };
        let connected = inspected.and_then(|line| line.connected.as_ref().ok());
        Self {
            target: format!("{transport}:{address}"),
            status,
            reason,
            server,
            took_ms: milliseconds(*took),
            connect_ms: connected.map(|took| milliseconds(*took)),
            tls: inspected.and_then(TlsTest::of),
            problem: words::of_target(&findings.trunk, tested, inspected),
        }
    }
}

impl TlsTest {
    fn of(inspected: &Inspected) -> Option<Self> {
        let shaken = inspected.handshake.as_ref()?;
        let shown = shaken.certificate.as_ref();
        let left = |shown: &Certificate| shown.not_after.duration_since(clock::today()).unwrap_or_default();
        Some(Self {
            took_ms: milliseconds(shaken.took),
            version: shaken.version.clone(),
            cipher: shaken.cipher.clone(),
            names: shown.map(Certificate::called),
            issuer: shown.map(|shown| shown.issuer.clone()),
            expires: shown.map(|shown| written(shown.not_after)),
            days_left: shown.map(|shown| left(shown).as_secs() / 86_400),
        })
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

fn written(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
