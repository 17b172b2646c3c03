//! Certificates for tests: authorities, and what they sign, as files of a directory of their own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, SanType, date_time_ymd,
};

use crate::config::Config;

/// A directory of certificates; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Pki {
    directory: PathBuf,
}

impl Drop for Pki {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// Who signs.
pub(crate) type Authority = Issuer<'static, KeyPair>;

/// What a certificate is to say.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    uris: Vec<&'static str>,
    dns: Vec<&'static str>,
    common: &'static str,
    years: (i32, i32),
    purposes: Vec<ExtendedKeyUsagePurpose>,
}

impl Wanted {
    /// A certificate for a DNS name that counts today.
    pub(crate) fn dns(name: &'static str) -> Self {
        Self { uris: vec![], dns: vec![name], common: "x", years: (2020, 2090), purposes: vec![] }
    }

    /// One for a SIP domain.
    pub(crate) fn uri(name: &'static str) -> Self {
        Self { uris: vec![name], dns: vec![], ..Self::dns("") }
    }

    pub(crate) fn common(name: &'static str) -> Self {
        Self { dns: vec![], common: name, ..Self::dns("") }
    }

    /// One that counts from the beginning of one year to the beginning of another.
    pub(crate) fn years(self, from: i32, to: i32) -> Self {
        Self { years: (from, to), ..self }
    }

    pub(crate) fn only_for(self, purpose: ExtendedKeyUsagePurpose) -> Self {
        Self { purposes: vec![purpose], ..self }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common);
        let uris = self.uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        let dns = self.dns.iter().map(|name| SanType::DnsName((*name).try_into().unwrap()));
        params.subject_alt_names = uris.chain(dns).collect();
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        params.extended_key_usages = self.purposes.clone();
        params
    }
}

impl Pki {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("edge-pki-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    /// The file of that name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// An authority, its certificate in `NAME.pem`.
    pub(crate) fn authority(&self, name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        Issuer::new(params, key)
    }

    /// A certificate of `authority` in `NAME.pem`, its key in `NAME.key`.
    pub(crate) fn issue(&self, name: &str, authority: &Authority, wanted: &Wanted) {
        let key = KeyPair::generate().unwrap();
        let certificate = wanted.params().signed_by(&key, authority).unwrap();
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// A certificate that signs itself.
    pub(crate) fn issue_alone(&self, name: &str, wanted: &Wanted) {
        let key = KeyPair::generate().unwrap();
        let mut params = wanted.params();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// A configuration of one realm that shows `edge.pem` and believes `ca.pem`, with these trunks of it.
    pub(crate) fn config(&self, trunks: &[Peer]) -> Config {
        self.config_at("127.0.0.1:5070".parse().unwrap(), trunks)
    }

    /// The same, with a listener at `edge`.
    pub(crate) fn config_at(&self, edge: SocketAddr, trunks: &[Peer]) -> Config {
        let directory = self.directory.display();
        let mut text = format!(
            "[node]\nname = \"t\"\nshards = 1\n[[realm]]\nname = \"lo\"\ndevice = \"lo\"\nsip = [\"tls:{edge}\"]\n\
             media = [\"127.0.0.1\"]\nmedia_ports = \"20000-20009\"\ntls = {{ certificate = \"{directory}/edge.pem\", \
             private_key = \"{directory}/edge.key\", client_ca = \"{directory}/ca.pem\" }}\n"
        );
        for Peer { name, host, port, auth, names, ca } in trunks {
            let ca = ca.map_or_else(String::new, |ca| format!(", ca = \"{directory}/{ca}\""));
            text.push_str(&format!(
                "[[trunk]]\nname = \"{name}\"\nrealm = \"lo\"\nhost = \"{host}\"\nport = {port}\ntransport = \"tls\"\n\
                 auth = \"{auth}\"\ntls = {{ names = {names:?}{ca} }}\n"
            ));
        }
        let first = trunks[0].name;
        text.push_str(&format!(
            "[[route]]\nname = \"r\"\nfrom = [\"{first}\"]\nto = {{ prefix = \"\" }}\ntargets = [{{ trunk = \"{first}\" }}]\n"
        ));
        Config::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
    }
}

/// A trunk of a test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    pub(crate) auth: &'static str,
    pub(crate) names: &'static [&'static str],
    pub(crate) ca: Option<&'static str>,
}

impl Peer {
    /// A trunk that its certificate for `name` makes one.
    pub(crate) const fn certified(name: &'static str, names: &'static [&'static str]) -> Self {
        Self { name, host: "127.0.0.1", port: 5061, auth: "tls", names, ca: None }
    }
}
