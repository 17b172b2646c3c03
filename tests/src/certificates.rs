//! Certificates of a lab: an authority that everyone believes, one certificate for edge, one for each peer; and others,
//! for drills of who is refused.

use std::path::PathBuf;

use anyhow::Result;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};

use crate::lab::{Lab, Side};

/// Everyone's authority, by the name of its files.
const BELIEVED: &str = "ca";
/// The year in which certificates end that are meant to count.
const FAR_YEAR: i32 = 2090;

/// Files in PEM below the directory of a lab: `ca.pem`, and NAME.pem with NAME.key of each.
#[derive(Clone, Debug)]
pub struct Certificates {
    directory: PathBuf,
}

/// Who signs.
#[derive(Debug)]
pub struct Authority(Issuer<'static, KeyPair>);

impl Certificates {
    /// Those of a lab, made or to be made.
    pub fn of(lab: &Lab) -> Self {
        Self { directory: lab.directory().join("tls") }
    }

    /// Makes all that a lab needs.
    pub fn make(lab: &Lab) -> Result<Self> {
        let this = Self::of(lab);
        std::fs::create_dir_all(&this.directory)?;
        let authority = this.found(BELIEVED)?;
        this.issue_to_edge(&authority)?;
        for side in Side::BOTH {
            this.issue_to_peer(side.name(), side, &authority)?;
        }
        Ok(this)
    }

    /// Makes an authority of this name.
    pub fn found(&self, name: &str) -> Result<Authority> {
        let (params, key) = (authority(name), KeyPair::generate()?);
        self.write(name, &params.self_signed(&key)?, &key)?;
        Ok(Authority(Issuer::new(params, key)))
    }

    /// The authority that everyone believes, to sign more.
    pub fn believed(&self) -> Result<Authority> {
        let [_, key] = self.of_holder(BELIEVED);
        let key = KeyPair::from_pem(&std::fs::read_to_string(key)?)?;
        Ok(Authority(Issuer::new(authority(BELIEVED), key)))
    }

    /// A new certificate and key for edge, in place of those that are there.
    pub fn issue_to_edge(&self, authority: &Authority) -> Result<()> {
        let mut names = vec![SanType::DnsName("edge.example".try_into()?)];
        names.extend(Side::BOTH.map(|side| SanType::IpAddress(side.edge_address().into())));
        self.issue("edge", names, FAR_YEAR, authority)
    }

    /// A certificate in the files of `name` that says to be the peer of `side`.
    pub fn issue_to_peer(&self, name: &str, side: Side, authority: &Authority) -> Result<()> {
        self.issue_to_peer_until(FAR_YEAR, name, side, authority)
    }

    /// The same, until the first day of `year`.
    pub fn issue_to_peer_until(
        &self,
        year: i32,
        name: &str,
        side: Side,
        authority: &Authority,
    ) -> Result<()> {
        let domain = domain(side);
        // RFC 5922 section 7.1 prefers the SIP URI; what dials an address wants that.
        let names = vec![
            SanType::URI(format!("sip:{domain}").try_into()?),
            SanType::DnsName(domain.try_into()?),
            SanType::IpAddress(side.peer_address().into()),
        ];
        self.issue(name, names, year, authority)
    }

    /// A certificate in the files of `name` that is for a domain of no peer.
    pub fn issue_to_stranger(&self, name: &str, domain: &str, authority: &Authority) -> Result<()> {
        self.issue(name, vec![SanType::DnsName(domain.try_into()?)], FAR_YEAR, authority)
    }

    /// The file of the authority that everyone believes.
    pub fn authority(&self) -> PathBuf {
        let [certificate, _] = self.of_holder(BELIEVED);
        certificate
    }

    /// Certificate and key by the name of their files: `edge`, or that of a side.
    pub fn of_holder(&self, name: &str) -> [PathBuf; 2] {
        ["pem", "key"].map(|kind| self.directory.join(format!("{name}.{kind}")))
    }

    /// Both in one file, as some want them.
    pub fn together(&self, name: &str) -> Result<PathBuf> {
        let [certificate, key] = self.of_holder(name).map(std::fs::read_to_string);
        let file = self.directory.join(format!("{name}-together.pem"));
        std::fs::write(&file, certificate? + &key?)?;
        Ok(file)
    }

    fn issue(&self, name: &str, names: Vec<SanType>, until: i32, authority: &Authority) -> Result<()> {
        let mut params = named(name);
        params.subject_alt_names = names;
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate()?;
        self.write(name, &params.signed_by(&key, &authority.0)?, &key)
    }

    fn write(&self, name: &str, certificate: &Certificate, key: &KeyPair) -> Result<()> {
        let [certificate_file, key_file] = self.of_holder(name);
        std::fs::write(certificate_file, certificate.pem())?;
        Ok(std::fs::write(key_file, key.serialize_pem())?)
    }
}

/// The SIP domain that the certificate of a peer is for.
pub fn domain(side: Side) -> String {
    format!("{}.example", side.name())
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
