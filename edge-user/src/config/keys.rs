//! Every key of the configuration contract: all of them are built.
//!
//! Invariant: a key that is not listed here is refused. None is ever ignored.

/// One key of a section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
}

/// The keys of one section.
pub(super) type Keys = &'static [Key];

const fn built(name: &'static str) -> Key {
    Key { name }
}

/// Sections of the file.
pub(super) const ROOT: Keys = &[
    built("node"),
    built("log"),
    built("xdp"),
    built("cdr"),
    built("shield"),
    built("limits"),
    built("timers"),
    built("dns"),
    built("realm"),
    built("trunk"),
    built("route"),
    built("group"),
    built("admin"),
];

/// A piece of the file that has routes alone.
pub(super) const PIECE: Keys = &[built("route")];

/// `[node]`
pub(super) const NODE: Keys =
    &[built("name"), built("state_dir"), built("run_dir"), built("shards"), built("drain_grace")];

/// `[log]`
pub(super) const LOG: Keys = &[built("filter"), built("format")];

/// `[admin]`
pub(super) const ADMIN: Keys = &[built("http"), built("token_file")];

/// `[xdp]`
pub(super) const XDP: Keys =
    &[built("mode"), built("flows_max"), built("pin_dir"), built("diagnostics"), built("closed_ports")];

/// `[cdr]`
pub(super) const CDR: Keys = &[built("sinks"), built("path")];

/// `[shield]`
pub(super) const SHIELD: Keys = &[
    built("strangers"),
    built("mode"),
    built("unknown"),
    built("source_rate"),
    built("unknown_rate"),
    built("ban_after"),
    built("ban_for"),
];

/// `[limits]`
pub(super) const LIMITS: Keys =
    &[built("message_bytes"), built("headers"), built("header_bytes"), built("vias")];

/// `[timers]`
pub(super) const TIMERS: Keys =
    &[built("answer_max"), built("call_max"), built("port_rest"), built("try_next")];

/// `[dns]`
pub(super) const DNS: Keys = &[built("servers")];

/// `[[realm]]`
pub(super) const REALM: Keys = &[
    built("name"),
    built("device"),
    built("sip"),
    built("media"),
    built("media_ports"),
    built("reaches"),
    built("advertise"),
    built("tls"),
];

/// `tls` of a realm.
pub(super) const REALM_TLS: Keys = &[built("certificate"), built("private_key"), built("client_ca")];

/// `[[trunk]]`
pub(super) const TRUNK: Keys = &[
    built("name"),
    built("realm"),
    built("host"),
    built("port"),
    built("transport"),
    built("auth"),
    built("tls"),
    built("sources"),
    built("match"),
    built("enabled"),
    built("direction"),
    built("max_calls"),
    built("max_cps"),
    built("max_cps_burst"),
    built("refuse_with"),
    built("allow"),
    built("deny"),
    built("nat"),
    built("media_source"),
    built("policing"),
    built("stun"),
    built("dtls"),
    built("transcode"),
    built("srtp"),
    built("dscp"),
    built("keepalive"),
    built("tones"),
    built("tone_country"),
    built("silence"),
    built("direct_media"),
    built("keepalive_fails"),
    built("keepalive_oks"),
    built("breaker"),
    built("guards"),
    built("incoming"),
    built("max_calls_in"),
    built("max_calls_out"),
    built("failover_group"),
    built("timers"),
    built("rtp"),
    built("dtmf"),
    built("dtmf_mask"),
    built("session_timer"),
    built("redirects"),
    built("reliable_provisional"),
    built("delayed_offer"),
    built("large_over_tcp"),
    built("refer"),
    built("numbers"),
    built("identity"),
    built("trust_identity"),
    built("withheld"),
    built("virtual_number"),
    built("dids"),
    built("diversion"),
    built("headers"),
    built("cost"),
    built("username"),
    built("password_file"),
    built("password_env"),
    built("auth_username"),
    built("auth_realm"),
    built("auth_algorithms"),
    built("outbound_proxy"),
    built("register"),
    built("registrar"),
    built("registrations"),
];

/// `numbers` of a trunk.
pub(super) const TRUNK_NUMBERS: Keys = &[
    built("country"),
    built("national_prefix"),
    built("international_prefix"),
    built("short"),
    built("keep"),
    built("in"),
    built("out"),
];

/// `headers` of a trunk.
pub(super) const TRUNK_HEADERS: Keys = &[built("in"), built("out"), built("pass")];

/// A rule of `headers`.
pub(super) const TRUNK_HEADER_RULE: Keys =
    &[built("add"), built("remove"), built("replace"), built("match"), built("with"), built("on")];

/// `in` of `numbers`.
pub(super) const TRUNK_NUMBERS_IN: Keys =
    &[built("technical_prefix"), built("strip"), built("prepend"), built("unprefixed")];

/// `out` of `numbers`.
pub(super) const TRUNK_NUMBERS_OUT: Keys = &[
    built("format"),
    built("technical_prefix"),
    built("strip"),
    built("prepend"),
    built("user_phone"),
    built("parameters"),
];

/// `match` of a trunk.
pub(super) const TRUNK_MATCH: Keys = &[
    built("port"),
    built("host"),
    built("user"),
    built("to_host"),
    built("from_host"),
    built("from_user"),
    built("header"),
];

/// `register` of a trunk.
pub(super) const TRUNK_REGISTER: Keys = &[built("expires"), built("gin"), built("retry"), built("retry_max")];

/// `registrations` of a trunk.
pub(super) const TRUNK_REGISTRATIONS: Keys = &[built("expires_min"), built("expires_max"), built("calls_to")];

/// `guards` of a trunk.
pub(super) const TRUNK_GUARDS: Keys =
    &[built("deny"), built("calls_per_caller"), built("call_max"), built("prefixes")];

/// An element of `prefixes` of `guards`.
pub(super) const GUARD_PREFIX: Keys = &[built("prefix"), built("calls"), built("calls_per_minute")];

/// A rule of `incoming` of a trunk.
pub(super) const TRUNK_INCOMING: Keys = &[built("to"), built("from_number"), built("when")];

/// `[[group]]`
pub(super) const GROUP: Keys = &[
    built("name"),
    built("max_calls"),
    built("max_calls_in"),
    built("max_calls_out"),
    built("max_cps"),
    built("max_cps_burst"),
];

/// `breaker` of a trunk.
pub(super) const TRUNK_BREAKER: Keys = &[
    built("asr_min"),
    built("pdd_max"),
    built("loss_max"),
    built("window"),
    built("calls_min"),
    built("rest"),
];

/// `silence` of a trunk.
pub(super) const TRUNK_SILENCE: Keys = &[built("after"), built("then"), built("end_after")];

/// `tls` of a trunk.
pub(super) const TRUNK_TLS: Keys = &[built("names"), built("ca")];

/// `dscp` of a trunk.
pub(super) const TRUNK_DSCP: Keys = &[built("rtp"), built("sip")];

/// `[[route]]`
pub(super) const ROUTE: Keys = &[
    built("name"),
    built("from"),
    built("to"),
    built("rewrite_to"),
    built("targets"),
    built("priority"),
    built("from_number"),
    built("when"),
    built("strategy"),
    built("failover_on"),
    built("stop_on"),
    built("timers"),
];

/// `to` and `from_number` of a route.
pub(super) const ROUTE_NUMBERS: Keys = &[built("prefix"), built("exact"), built("regex")];

/// `when` of a route.
pub(super) const ROUTE_WHEN: Keys = &[built("days"), built("from"), built("to"), built("zone")];

/// `rewrite_to` of a route.
pub(super) const ROUTE_REWRITE: Keys = &[built("strip"), built("prepend")];

/// An element of `targets` of a route.
pub(super) const ROUTE_TARGET: Keys =
    &[built("trunk"), built("group"), built("weight"), built("priority"), built("rewrite_to")];

/// `timers` of a trunk or route.
pub(super) const PATIENCE: Keys = &[built("trying"), built("ringing"), built("answer")];
