//! `headers` of a trunk: what becomes of its headers.

use std::sync::Arc;

use edge_core::policy::HeaderPolicy;
use edge_core::sip::{
    AddedHeader, HEADER_RULES_MAX, HeaderChange, HeaderPattern, HeaderRule, HeaderRuleError, HeaderRules,
    ReplacedHeader,
};

use super::document::{At, Section};
use super::fault::Fault;
use super::keys;

/// What is wrong with a rule of headers.
#[derive(Debug, thiserror::Error)]
pub enum HeaderFault {
    /// No verb, or several.
    #[error("needs one of `add`, `remove` and `replace`, and has {}", if found.is_empty() { "none" } else { found })]
    Verbs {
        /// Those that it has.
        found: String,
    },
    /// A part of a replacement beside another verb.
    #[error("goes with `replace` only; remove it")]
    OnlyReplaces,
    /// It says nothing that can be done.
    #[error("is no rule: {0}")]
    Rule(#[from] HeaderRuleError),
}

pub(super) fn of_trunk(section: &Section<'_>, trunk: &str) -> HeaderPolicy {
    let Some(table) = section.table("headers", keys::TRUNK_HEADERS) else { return HeaderPolicy::default() };
    HeaderPolicy {
        inbound: rules(&table, "in", trunk),
        outbound: rules(&table, "out", trunk),
        pass: pass(&table),
    }
}

fn rules(table: &Section<'_>, key: &'static str, trunk: &str) -> Option<Arc<HeaderRules>> {
    let sections = table.tables(key, keys::TRUNK_HEADER_RULE);
    if sections.len() > HEADER_RULES_MAX {
        let fault = Fault::TooMany { found: sections.len(), max: HEADER_RULES_MAX };
        table.note(table.line_of(key), key, fault);
    }
    let rules: Vec<HeaderRule> =
        sections.iter().flatten().filter_map(|section| rule(section, trunk)).collect();
    (!rules.is_empty()).then(|| Arc::new(HeaderRules::new(rules)))
}

/// Exactly one of the three verbs says what a rule does.
fn rule(section: &Section<'_>, trunk: &str) -> Option<HeaderRule> {
    let verbs: Vec<&'static str> =
        ["add", "remove", "replace"].into_iter().filter(|verb| section.has(verb)).collect();
    let [verb] = verbs[..] else {
        section.note(section.line, "", HeaderFault::Verbs { found: verbs.join(" and ") }.into());
        return None;
    };
    let At { value: written, line } = section.get::<&str>(verb)?;
    let made = match verb {
        "add" => AddedHeader::new(written, trunk).map(HeaderChange::Add),
        "remove" => HeaderPattern::new(written)
            .and_then(|names| names.refuse_wire().map(|()| HeaderChange::Remove(names))),
        _ => HeaderPattern::new(written).and_then(|names| replaced(section, names)),
    };
    for part in ["match", "with"].into_iter().filter(|part| section.has(part) != (verb == "replace")) {
        let fault = if verb == "replace" {
            Fault::Missing { example: "{ replace = \"X-Account\", match = \"^0\", with = \"+44\" }" }
        } else {
            HeaderFault::OnlyReplaces.into()
        };
        section.note(section.line_of(part), part, fault);
    }
    let on = section.or_default("on");
    let fault = |error| section.note(line, verb, HeaderFault::Rule(error).into());
    Some(HeaderRule { on, change: made.map_err(fault).ok()? })
}

fn replaced(section: &Section<'_>, names: HeaderPattern) -> Result<HeaderChange, HeaderRuleError> {
    let text = |key| section.get::<&str>(key).map_or("", |text| text.value);
    ReplacedHeader::new(names, text("match"), text("with")).map(HeaderChange::Replace)
}

fn pass(table: &Section<'_>) -> Vec<HeaderPattern> {
    let names: Vec<At<&str>> = table.list("pass").unwrap_or_default();
    let read = |name: &At<&str>| {
        HeaderPattern::new(name.value)
            .and_then(|pattern| pattern.refuse_ours().map(|()| pattern))
            .map_err(|error| table.note(name.line, "pass", HeaderFault::Rule(error).into()))
            .ok()
    };
    if names.len() > HEADER_RULES_MAX {
        let fault = Fault::TooMany { found: names.len(), max: HEADER_RULES_MAX };
        table.note(table.line_of("pass"), "pass", fault);
    }
    names.iter().filter_map(read).collect()
}
