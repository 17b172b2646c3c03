use super::*;

const FILE: &str = r#"
[node]
name = "t"
[[realm]]
name = "outside"
device = "lo"
sip = ["udp:127.0.0.1:5060"]
media = ["127.0.0.1"]
media_ports = "20000-20099"
[[trunk]]
name = "carrier"
realm = "outside"
host = "127.0.0.2"
auth = "ip"
username = "bob"
LOGIN
[[route]]
name = "all"
from = ["carrier"]
to = { prefix = "" }
targets = [{ trunk = "carrier" }]
"#;

fn load(login: &str) -> Result<(Logins, Vec<LoginWarning>), Vec<LoginProblem>> {
    let config = Config::parse(&FILE.replace("LOGIN", login));
    Logins::load(&config.unwrap_or_else(|problems| panic!("{problems:?}")))
}

fn file(name: &str, content: &[u8], mode: u32) -> PathBuf {
    let path = std::env::temp_dir().join(format!("edge-logins-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_password_is_the_one_line_of_its_file() {
    for content in ["hunter2", "hunter2\n", "hunter2\r\n"] {
        let path = file("right", content.as_bytes(), 0o600);
        let (logins, warnings) = load(&format!("password_file = {path:?}")).unwrap();
        std::fs::remove_file(path).unwrap();
        let login = &logins.by_trunk["carrier"];
        assert_eq!((login.username.as_str(), &login.password), ("bob", &Secret::new(b"hunter2".to_vec())));
        assert_eq!(warnings, []);
        assert!(!format!("{logins:?}").contains("hunter2"));
    }
}

#[test]
fn a_file_that_everybody_may_read_is_warned_of() {
    let path = file("open", b"hunter2\n", 0o644);
    let (_, warnings) = load(&format!("password_file = {path:?}")).unwrap();
    std::fs::remove_file(&path).unwrap();
    let path = path.display();
    let expected = format!(
        "trunk carrier: `password_file` {path} can be read by everybody on this host (mode 644): chmod 600 {path}"
    );
    assert_eq!(warnings[0].to_string(), expected);
}

#[test]
fn a_password_that_is_not_there_is_named_by_trunk_key_and_place() {
    let long = vec![b'x'; 1100];
    for (content, fault) in [
        (&b""[..], "holds no password"),
        (b"\n", "holds no password"),
        (b"a\nb\n", "has more than one line"),
        (b"a\n\n\n", "has more than one line"),
        (b"a\0b", "has more than one line"),
        (&long, "more than 1024 bytes"),
    ] {
        let path = file("wrong", content, 0o600);
        let problems = load(&format!("password_file = {path:?}")).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        let said = problems[0].to_string();
        assert!(said.starts_with(&format!("trunk carrier: `password_file` {} ", path.display())), "{said}");
        assert!(said.contains(fault), "{said}");
    }
    let said = load("password_file = \"/nowhere/secret\"").unwrap_err()[0].to_string();
    assert!(said.contains("/nowhere/secret cannot be read: No such file"), "{said}");
    let said = load("password_env = \"EDGE_TEST_IS_NOT_SET\"").unwrap_err()[0].to_string();
    assert!(said.starts_with("trunk carrier: `password_env` EDGE_TEST_IS_NOT_SET is not set"), "{said}");
}

#[test]
fn a_password_may_be_in_the_environment() {
    // Cargo sets this one for every test.
    let (logins, _) = load("password_env = \"CARGO_PKG_NAME\"").unwrap();
    assert_eq!(logins.by_trunk["carrier"].password, Secret::new(b"edge-user".to_vec()));
}
