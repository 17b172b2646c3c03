//! Kamailio as the proxy of a PBX that registers with edge like a phone, with its agents behind it.

use anyhow::Result;

use super::kamailio::{AGENT_PORT, Kamailio};
use super::registrar::{PASSWORD, USER};
use crate::lab::{Lab, Side};
use crate::sipp::SIP_PORT;

const CONFIG: &str = include_str!("../../peers/registering.cfg");

/// The user of the Contact that it registers.
const CONTACT: &str = "line-1";

/// How long it asks to be registered for.
const EXPIRES_S: u32 = 3600;

/// How a PBX registers.
#[derive(Clone, Copy, Debug)]
pub struct Registering {
    side: Side,
    realm: &'static str,
}

impl Registering {
    /// A PBX on `side` whose password is for this realm.
    pub const fn of(side: Side, realm: &'static str) -> Self {
        Self { side, realm }
    }

    /// Starts it and waits until it takes requests.
    pub fn start(self, lab: &Lab) -> Result<Kamailio> {
        let database = lab.directory().join("kamailio-database");
        std::fs::create_dir_all(&database)?;
        std::fs::write(database.join("version"), "table_name(string) table_version(int)\nuacreg:5\n")?;
        std::fs::write(database.join("uacreg"), self.registration())?;
        let text = [
            ("database", database.display().to_string()),
            ("address", self.side.peer_address().to_string()),
            ("port", SIP_PORT.to_string()),
            ("agent", AGENT_PORT.to_string()),
            ("edge", self.side.edge_address().to_string()),
            ("contact", CONTACT.to_owned()),
            ("realm", self.realm.to_owned()),
            ("user", USER.to_owned()),
            ("password", PASSWORD.to_owned()),
        ]
        .iter()
        .fold(CONFIG.to_owned(), |text, (key, value)| text.replace(&format!("[{key}]"), value));
        Kamailio::start_with(lab, self.side, &text)
    }

    /// The table of its registrations.
    fn registration(&self) -> String {
        let (edge, realm) = (self.side.edge_address(), self.realm);
        format!(
            "id(int,auto) l_uuid(string) l_username(string) l_domain(string) r_username(string) r_domain(string) \
             realm(string) auth_username(string) auth_password(string) auth_ha1(string,null) auth_proxy(string) expires(int) \
             flags(int) reg_delay(int) contact_addr(string,null) socket(string,null)\n\
             1:{CONTACT}:{USER}:{edge}:{USER}:{edge}:{realm}:{USER}:{PASSWORD}::sip\\:{edge}\\:{SIP_PORT}:{EXPIRES_S}:0:0::\n"
        )
    }
}
