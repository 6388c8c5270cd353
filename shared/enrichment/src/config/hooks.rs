//! Systems beside the CRM that tell of leads, each at an address and with a signature of its own.

use std::collections::BTreeMap;

use serde::Deserialize;
use strum::VariantNames;

use super::check::Checker;
use super::file::HookTable;
use super::pointer::Pointer;
use super::vendor::{CrmVendor, ObjectKind};
use crate::lead::new_lead::FIELDS;
use crate::person::ProfileField;

/// One such system.
#[derive(Debug, Clone)]
pub struct HookSource {
    /// Its name, which its address ends in.
    pub name: String,
    /// How its deliveries show that they are its own.
    pub signature: HookSignature,
    /// Names of its secrets: one, or two while one replaces the other.
    pub secrets: Vec<String>,
    /// Where its leads are listed. Without that, a delivery is about one.
    pub items: Option<Pointer>,
    /// Where in a delivery stands what stays the same when that is made again.
    pub id: Option<Pointer>,
    /// What it tells of each.
    pub leads: HookLeads,
}

impl HookSource {
    /// Whether the address of a delivery says which record it is about.
    pub fn is_about_its_address(&self) -> bool {
        matches!(self.leads, HookLeads::Records { at: RecordAt::Address, .. })
    }
}

/// What a source tells of each of its leads.
#[derive(Debug, Clone)]
pub enum HookLeads {
    /// Which record of the CRM it is.
    Records {
        /// Where its id stands.
        at: RecordAt,
        /// The kinds of record that it may be.
        objects: Vec<&'static ObjectKind>,
        /// What has happened to it.
        cause: HookCause,
    },
    /// Who it is: the CRM may not have them yet. Where each thing that is known of them stands. The e-mail address is one.
    People(Vec<(ProfileField, Pointer)>),
}

/// Where the id of a record stands that a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordAt {
    /// At this place of each of its leads.
    Body(Pointer),
    /// At the end of the address that it is sent to: for systems that know nothing of the CRM, and can be given an address for each.
    Address,
}

/// How a delivery shows where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookSignature {
    /// Standard Webhooks.
    StandardWebhooks,
    /// An HMAC over the body in `X-Hub-Signature-256`.
    GitHub,
    /// An HMAC over a time and the body in `Stripe-Signature`.
    Stripe,
    /// An HMAC over a time and the body in one header, and the time in another. Their names, in lower case.
    Timestamped {
        /// The signature's.
        signature: String,
        /// The time's.
        time: String,
    },
    /// A user and a password.
    Basic,
    /// A token in this header.
    HeaderToken(String),
    /// A token at this place of the body.
    BodyToken(Pointer),
}

/// What has happened to the leads that a source tells of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum HookCause {
    /// They are new.
    Created,
    /// They were changed, or are wanted now.
    #[default]
    Changed,
}

/// The word for a form of signature in the file.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(super) enum SignatureWord {
    StandardWebhooks,
    Github,
    Stripe,
    Timestamped,
    Basic,
    Token,
}

impl Checker<'_> {
    pub(super) fn hooks(
        &mut self,
        path: &str,
        tables: BTreeMap<String, HookTable>,
        crm: &'static CrmVendor,
    ) -> BTreeMap<String, HookSource> {
        let mut hooks = BTreeMap::new();
        for (name, table) in tables {
            let path = format!("{path}.{name}");
            self.source_name(&path, &name);
            if let Some(hook) = self.hook(&path, name.clone(), table, crm) {
                hooks.insert(name, hook);
            }
        }
        hooks
    }

    fn hook(&mut self, path: &str, name: String, table: HookTable, crm: &'static CrmVendor) -> Option<HookSource> {
        self.hook_with(path, name, table, |checker, table| match (&table.record, table.fields.is_empty()) {
            (Some(record), true) => checker.record(path, record, table, crm),
            (None, false) => {
                let (object, cause) = (table.object.is_some(), table.cause.is_some());
                checker.only_with_records(path, object.then_some("object").or(cause.then_some("cause")));
                checker.people(&format!("{path}.fields"), &table.fields, crm)
            }
            (record, _) => {
                let found = if record.is_some() { "this and `fields`" } else { "nothing, and no `fields`" };
                let expected =
                    "the place of the record's id, or in the table `fields` those of what is known of a person";
                checker.problem(&format!("{path}.record"), found, expected, "Write one of the two.");
                None
            }
        })
    }

    /// The source of a table, with what it tells of each as `leads` reads that.
    pub(super) fn hook_with(
        &mut self,
        path: &str,
        name: String,
        table: HookTable,
        leads: impl FnOnce(&mut Self, &HookTable) -> Option<HookLeads>,
    ) -> Option<HookSource> {
        self.secret_names(&format!("{path}.secrets"), &table.secrets);
        let signature = self.signature(path, &table);
        let mut at = |key: &str, text: Option<&str>| match text {
            Some(text) => self.pointer(&format!("{path}.{key}"), text).map(Some),
            None => Some(None),
        };
        let (items, id) = (at("items", table.items.as_deref()), at("id", table.id.as_deref()));
        let leads = leads(self, &table);
        Some(HookSource { name, signature: signature?, secrets: table.secrets, items: items?, id: id?, leads: leads? })
    }

    /// The name of a source.
    pub(super) fn source_name(&mut self, path: &str, name: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(allowed) {
            let (found, expected) = (format!("the name {name:?}"), "1 to 40 characters from a-z, 0-9 and '-'");
            self.problem(path, found, expected, "Choose another name for the source: its address ends in it.");
        }
    }

    /// Where the id of the record stands that each is about.
    pub(super) fn record(
        &mut self,
        path: &str,
        at: &str,
        table: &HookTable,
        crm: &'static CrmVendor,
    ) -> Option<HookLeads> {
        let at = self.pointer(&format!("{path}.record"), at).map(RecordAt::Body);
        self.records(path, at?, table, crm)
    }

    /// The records whose ids stand there.
    pub(super) fn records(
        &mut self,
        path: &str,
        at: RecordAt,
        table: &HookTable,
        crm: &'static CrmVendor,
    ) -> Option<HookLeads> {
        let objects = self.objects(&format!("{path}.object"), table.object.as_deref(), crm);
        Some(HookLeads::Records { at, objects, cause: table.cause.unwrap_or_default() })
    }

    fn only_with_records(&mut self, path: &str, key: Option<&str>) {
        if let Some(key) = key {
            let expected = "none with `fields`: people are created as the CRM does that, and are new leads";
            self.problem(&format!("{path}.{key}"), "a value", expected, "Take it out.");
        }
    }

    /// Where what is known of a person stands, for a CRM in which people can be created.
    fn people(&mut self, path: &str, fields: &BTreeMap<String, String>, crm: &'static CrmVendor) -> Option<HookLeads> {
        if !crm.objects.iter().any(|kind| kind.is_created) {
            let found = format!("people who are to be created in {}", crm.name);
            let expected = "a CRM in which Leadgate creates people, or `record`";
            self.problem(path, found, expected, "Write where the id of the CRM's record stands, in `record`.");
        }
        let known = FIELDS.iter().filter_map(|(word, field)| Some((word, *field, fields.get(*word)?)));
        let at = known.map(|(word, field, text)| Some((field, self.pointer(&format!("{path}.{word}"), text)?)));
        at.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(HookLeads::People)
    }

    /// The kind of record that is named, or all of the CRM's.
    fn objects(&mut self, path: &str, named: Option<&str>, crm: &'static CrmVendor) -> Vec<&'static ObjectKind> {
        let objects: Vec<&ObjectKind> =
            crm.objects.iter().filter(|kind| named.is_none_or(|named| kind.object.as_str() == named)).collect();
        if objects.is_empty() {
            let words: Vec<String> = crm.objects.iter().map(|kind| format!("{:?}", kind.object.as_str())).collect();
            let expected = format!("a kind of record of {} that is a person: {}", crm.name, words.join(" or "));
            self.problem(path, format!("{:?}", named.unwrap_or_default()), expected, "Write this word.");
        }
        objects
    }

    fn signature(&mut self, path: &str, table: &HookTable) -> Option<HookSignature> {
        let (header, pointer, time) = (&table.header, &table.pointer, &table.time_header);
        let takes_header = matches!(table.signature, SignatureWord::Token | SignatureWord::Timestamped);
        let takes = [
            ("header", header, takes_header),
            ("pointer", pointer, table.signature == SignatureWord::Token),
            ("time_header", time, table.signature == SignatureWord::Timestamped),
        ];
        for (key, _, _) in takes.iter().filter(|(_, there, takes)| there.is_some() && !takes) {
            let remedy = "Take it out: this signature stands where its senders put it.";
            self.problem(&format!("{path}.{key}"), "a place", "none with this `signature`", remedy);
        }
        Some(match table.signature {
            SignatureWord::StandardWebhooks => HookSignature::StandardWebhooks,
            SignatureWord::Github => HookSignature::GitHub,
            SignatureWord::Stripe => HookSignature::Stripe,
            SignatureWord::Basic => HookSignature::Basic,
            SignatureWord::Token => return self.token(path, header.as_deref(), pointer.as_deref()),
            SignatureWord::Timestamped => {
                let signature = self.header(path, "header", header.as_deref(), "the signature");
                let time = self.header(path, "time_header", time.as_deref(), "the time that is signed with the body");
                HookSignature::Timestamped { signature: signature?, time: time? }
            }
        })
    }

    fn token(&mut self, path: &str, header: Option<&str>, pointer: Option<&str>) -> Option<HookSignature> {
        match (header, pointer) {
            (Some(_), None) => self.header(path, "header", header, "the token").map(HookSignature::HeaderToken),
            (None, Some(pointer)) => self.pointer(&format!("{path}.pointer"), pointer).map(HookSignature::BodyToken),
            (header, _) => {
                let found = if header.is_some() { "this and `pointer`" } else { "nothing, and no `pointer`" };
                let expected = "the header that the token comes in, or in `pointer` its place in the body";
                self.problem(&format!("{path}.header"), found, expected, "Write one of the two.");
                None
            }
        }
    }

    /// The name of a header, in lower case.
    fn header(&mut self, path: &str, key: &str, name: Option<&str>, of: &str) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let is_name = |name: &&str| (1..=HEADER_CHARS_MAX).contains(&name.len()) && name.chars().all(allowed);
        let fit = name.filter(is_name);
        if fit.is_none() {
            let found = name.map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}"));
            let expected = format!("the name of the header with {of}, such as \"X-Api-Token\"");
            self.problem(&format!("{path}.{key}"), found, expected, "Write the name alone.");
        }
        fit.map(str::to_lowercase)
    }

    pub(super) fn pointer(&mut self, path: &str, text: &str) -> Option<Pointer> {
        let pointer = text.parse().ok();
        if pointer.is_none() {
            let expected = "a JSON pointer, such as \"/contact/id\"";
            let remedy = "Begin it with '/', and write ~1 for a '/' within a name and ~0 for a '~'.";
            self.problem(path, format!("{text:?}"), expected, remedy);
        }
        pointer
    }
}

/// It is a part of an address and of log lines.
const NAME_CHARS_MAX: usize = 40;
/// No header has a longer name.
const HEADER_CHARS_MAX: usize = 100;
