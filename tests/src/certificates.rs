//! Certificates of a lab: an authority that everyone believes, one certificate for edge, one for each peer.

use std::path::PathBuf;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};

use crate::lab::{Lab, Side};

/// Files in PEM below the directory of a lab: `ca.pem`, and NAME.pem with NAME.key of each.
#[derive(Clone, Debug)]
pub struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    /// Those of a lab, made or to be made.
    pub fn of(lab: &Lab) -> Self {
        Self { directory: lab.directory().join("tls") }
    }

    /// Makes all of them.
    pub fn make(lab: &Lab) -> Result<Self> {
        let this = Self::of(lab);
        std::fs::create_dir_all(&this.directory)?;
        let mut params = named("ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        std::fs::write(this.authority(), params.self_signed(&key)?.pem())?;
        let authority = Issuer::new(params, key);
        let here = Side::BOTH.map(|side| SanType::IpAddress(side.edge_address().into()));
        this.issue("edge", &authority, here.to_vec())?;
        for side in Side::BOTH {
            let domain = domain(side);
            // RFC 5922 section 7.1 prefers the SIP URI; what dials an address wants that.
            let names = vec![
                SanType::URI(format!("sip:{domain}").try_into()?),
                SanType::DnsName(domain.try_into()?),
                SanType::IpAddress(side.peer_address().into()),
            ];
            this.issue(side.name(), &authority, names)?;
        }
        Ok(this)
    }

    /// The file of the authority.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Certificate and key of `edge`, or of a peer by the name of its side.
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

    fn issue(&self, name: &str, authority: &Issuer<'_, KeyPair>, names: Vec<SanType>) -> Result<()> {
        let mut params = named(name);
        params.subject_alt_names = names;
        let key = KeyPair::generate()?;
        let [certificate_file, key_file] = self.of_holder(name);
        std::fs::write(certificate_file, params.signed_by(&key, authority)?.pem())?;
        Ok(std::fs::write(key_file, key.serialize_pem())?)
    }
}

/// The SIP domain that the certificate of a peer is for.
pub fn domain(side: Side) -> String {
    format!("{}.example", side.name())
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
