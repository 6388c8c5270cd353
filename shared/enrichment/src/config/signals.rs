//! Signals, such as a change of jobs: who tells of them, and who is put into which sequence for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use strum::VariantNames;

use super::check::Checker;
use super::condition::{Test, Written};
use super::file::HookTable;
use super::hooks::{HookLeads, HookSource, RecordAt};
use super::pointer::Pointer;
use super::vendor::CrmVendor;
use super::{CrmConnection, ProviderConnection};
use crate::clock::days;
use crate::enrolment::sequencer::{Exception, TaskKind, TaskPriority};
use crate::lead::patch::FieldMapping;
use crate::person::{ProfileField, Properties, value_of};

/// What is done about signals.
#[derive(Debug, Clone)]
pub struct Signals {
    /// The name of the provider whose sequences they are.
    pub provider: &'static str,
    /// Who tells of signals, by name.
    pub sources: BTreeMap<String, SignalSource>,
    /// What is done about them. The first that fits counts.
    pub rules: Vec<SignalRule>,
    /// Signals after which nobody is enrolled who they are about, and for how long.
    pub stops: BTreeMap<String, Duration>,
    /// The CRM's properties that say, by anything but a blank or a no, that somebody is not to be contacted.
    pub do_not_contact: Vec<String>,
    /// The CRM's property into which an enrolment is written.
    pub enrolled_property: Option<String>,
    /// How long a signal may wait before nobody is enrolled for it any more.
    pub give_up: Duration,
}

/// A system that tells of signals.
#[derive(Debug, Clone)]
pub struct SignalSource {
    /// How it signs, and where in a delivery it says whom it is about.
    pub hook: HookSource,
    /// What its signals are called.
    pub name: SignalName,
}

/// Where the name of a signal is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalName {
    /// It stands here.
    At(Pointer),
    /// All signals of the source are called so.
    Always(String),
}

/// Who is put into which sequence.
#[derive(Debug, Clone)]
pub struct SignalRule {
    /// Its name.
    pub name: String,
    /// For signals of this name.
    pub signal: String,
    /// And only if all of these hold.
    pub when: Vec<Condition>,
    /// The sequence's id.
    pub sequence: String,
    /// The ids of the mailboxes that are sent from, in turns.
    pub mailboxes: Vec<String>,
    /// How many are enrolled a day for each mailbox, by this rule and all others.
    pub mailbox_per_day: u32,
    /// The vendor's user who is said to have enrolled them, and whose the tasks are.
    pub owner: Option<String>,
    /// What a seller is to do about each.
    pub task: Option<TaskRule>,
    /// The id of the stage that they are put into.
    pub stage: Option<String>,
    /// Whom the vendor would leave out, and who is enrolled all the same.
    pub allow: BTreeSet<Exception>,
    /// For how long nobody is put into the sequence again.
    pub cool_down: Duration,
    /// What is done about somebody whom the CRM doesn't have.
    pub not_in_crm: NotInCrm,
}

/// What is done about somebody who is told of by an address that the CRM doesn't have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NotInCrm {
    /// They aren't enrolled.
    #[default]
    Skip,
    /// They are requested as new leads, which are found or created in the CRM and enriched, and enrolled once it has them.
    Request,
}

/// What a seller is to do about everybody who is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRule {
    /// What.
    pub kind: TaskKind,
    /// How long they have for it.
    pub due: Duration,
    /// How urgent it is.
    pub priority: TaskPriority,
    /// What else there is to say.
    pub note: Option<String>,
}

/// What has to hold of a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    at: Pointer,
    test: Test,
}

impl Condition {
    /// Whether it holds. What isn't there fits no condition.
    pub fn holds(&self, signal: &Value) -> bool {
        signal.pointer(self.at.as_str()).is_some_and(|value| self.test.holds(value))
    }
}

impl SignalRule {
    /// Whether it is for a signal of this name that says this.
    pub fn fits(&self, name: &str, signal: &Value) -> bool {
        self.signal == name && self.when.iter().all(|condition| condition.holds(signal))
    }
}

impl Signals {
    /// The rule of this name.
    pub fn rule(&self, name: &str) -> Option<&SignalRule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// Whether somebody whom the CRM doesn't have may be requested by any rule.
    pub fn may_request(&self) -> bool {
        self.rules.iter().any(|rule| rule.not_in_crm == NotInCrm::Request)
    }

    /// Whether the CRM's `properties` of somebody say that they are not to be contacted. What isn't understood is taken for
    /// a yes.
    pub fn says_do_not_contact(&self, properties: &Properties) -> bool {
        let says_so = |property: &String| {
            let value = value_of(properties, property).map(str::to_lowercase);
            value.is_some_and(|value| !MAY_BE_CONTACTED.contains(&value.as_str()))
        };
        self.do_not_contact.iter().any(says_so)
    }
}

/// What in the CRM means that somebody may be contacted, in a property that says whether they may not be.
const MAY_BE_CONTACTED: [&str; 4] = ["false", "no", "0", "n"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct SignalsTable {
    #[serde(default)]
    sources: BTreeMap<String, SourceTable>,
    #[serde(default)]
    rules: Vec<RuleTable>,
    #[serde(default)]
    stops: BTreeMap<String, u32>,
    do_not_contact: Vec<String>,
    enrolled_property: Option<String>,
    give_up_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(expecting = "a table")]
struct SourceTable {
    email: Option<String>,
    signal: Option<String>,
    name: Option<String>,
    #[serde(flatten)]
    hook: HookTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RuleTable {
    name: String,
    signal: String,
    #[serde(default)]
    when: Vec<ConditionTable>,
    sequence: String,
    mailboxes: Vec<String>,
    mailbox_per_day: Option<u32>,
    owner: Option<String>,
    task: Option<TaskTable>,
    stage: Option<String>,
    #[serde(default)]
    allow: BTreeSet<Exception>,
    cool_down_days: Option<u32>,
    #[serde(default)]
    not_in_crm: NotInCrm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ConditionTable {
    at: String,
    one_of: Option<Vec<String>>,
    at_least: Option<i64>,
    at_most: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct TaskTable {
    kind: TaskKind,
    due_hours: Option<u32>,
    #[serde(default)]
    priority: TaskPriority,
    note: Option<String>,
}

/// What a tenant has beside its signals, and they have to fit.
pub(super) struct Around<'a> {
    pub(super) crm: &'a CrmConnection,
    pub(super) providers: &'a [&'a ProviderConnection],
    pub(super) fields: &'a [FieldMapping],
}

impl Checker<'_> {
    pub(super) fn signals(&mut self, path: &str, table: SignalsTable, around: &Around<'_>) -> Option<Signals> {
        let mut names = around.providers.iter().map(|provider| provider.vendor.name);
        let provider = names.find(|name| self.vendors.sequencers.contains(name));
        if provider.is_none() {
            let expected = format!("one of {}", self.vendors.sequencers.join(", "));
            self.problem(path, "no provider with sequences", expected, "Add such a provider, or take the table out.");
        }
        let mut sources = BTreeMap::new();
        for (name, source) in table.sources {
            let path = format!("{path}.sources.{name}");
            self.source_name(&path, &name);
            if let Some(source) = self.signal_source(&path, name.clone(), source, around.crm.vendor) {
                sources.insert(name, source);
            }
        }
        let mut rules: Vec<SignalRule> = Vec::new();
        for (i, rule) in table.rules.into_iter().enumerate() {
            let path = format!("{path}.rules[{i}]");
            if rules.iter().any(|other| other.name == rule.name) {
                let (found, remedy) = (format!("{:?} again", rule.name), "Choose another name for the rule.");
                self.problem(&format!("{path}.name"), found, "a name of its own", remedy);
            }
            if table.stops.contains_key(&rule.signal) {
                let (found, expected) = (format!("{:?}, which is among `stops`", rule.signal), "another signal");
                self.problem(&format!("{path}.signal"), found, expected, "Nobody is enrolled for what stops it.");
            }
            rules.extend(self.signal_rule(&path, rule));
        }
        if table.do_not_contact.is_empty() {
            let expected = "the CRM's properties that say whom not to contact";
            self.problem(&format!("{path}.do_not_contact"), "none", expected, "Name one at least.");
        }
        self.written_by_us_alone(path, table.enrolled_property.as_deref(), around);
        Some(Signals {
            provider: provider?,
            sources,
            rules,
            stops: table.stops.into_iter().map(|(name, count)| (name, days(count))).collect(),
            do_not_contact: table.do_not_contact,
            enrolled_property: table.enrolled_property,
            give_up: table.give_up_days.map_or(GIVE_UP_DEFAULT, days),
        })
    }

    /// A write of ours that makes a record due would be a loop, and two that write the same overwrite each other.
    fn written_by_us_alone(&mut self, path: &str, property: Option<&str>, around: &Around<'_>) {
        let Some(property) = property else { return };
        let path = format!("{path}.enrolled_property");
        let crm = around.crm;
        let ours = [&crm.last_enriched_property, &crm.source_property, &crm.candidate_property];
        let is_mapped = around.fields.iter().any(|field| field.property == property);
        let found = match property {
            _ if crm.enrich_on_change.iter().any(|changed| changed == property) => "one of `enrich_on_change`",
            _ if is_mapped || ours.iter().any(|other| other.as_deref() == Some(property)) => {
                "one that is written already"
            }
            _ => return,
        };
        self.problem(&path, found, "a property of its own", "Add a text property to the CRM for it.");
    }

    fn signal_source(
        &mut self,
        path: &str,
        name: String,
        table: SourceTable,
        crm: &'static CrmVendor,
    ) -> Option<SignalSource> {
        let SourceTable { email, signal, name: always, hook } = table;
        let hook = self.hook_with(path, name, hook, |checker, hook| match (&hook.record, email) {
            (Some(record), None) if record == ADDRESS => checker.records(path, RecordAt::Address, hook, crm),
            (Some(record), None) => checker.record(path, record, hook, crm),
            (None, Some(at)) => {
                let path = format!("{path}.email");
                if !crm.objects.iter().any(|kind| kind.is_created) {
                    let found = format!("people who are to be found in {} by their addresses", crm.name);
                    let expected = "a CRM in which Leadgate finds people, or `record`";
                    checker.problem(
                        &path,
                        found,
                        expected,
                        "Write where the id of the CRM's record stands, in `record`.",
                    );
                }
                checker.pointer(&path, &at).map(|at| HookLeads::People(vec![(ProfileField::Email, at)]))
            }
            (record, _) => {
                let found = if record.is_some() { "this and `email`" } else { "nothing, and no `email`" };
                let expected = "the place of the record's id, or in `email` that of an address";
                checker.problem(&format!("{path}.record"), found, expected, "Write one of the two.");
                None
            }
        });
        let called = match (signal, always) {
            (Some(at), None) => self.pointer(&format!("{path}.signal"), &at).map(SignalName::At),
            (None, Some(name)) => Some(SignalName::Always(name)),
            (at, _) => {
                let found = if at.is_some() { "this and `name`" } else { "nothing, and no `name`" };
                let expected = "the place of the signal's name, or in `name` what all of them are called";
                self.problem(&format!("{path}.signal"), found, expected, "Write one of the two.");
                None
            }
        };
        Some(SignalSource { hook: hook?, name: called? })
    }

    fn signal_rule(&mut self, path: &str, table: RuleTable) -> Option<SignalRule> {
        if table.mailboxes.is_empty() {
            let expected = "the id of a mailbox at least";
            self.problem(&format!("{path}.mailboxes"), "none", expected, "Name the mailboxes that are sent from.");
        }
        if table.task.is_some() && table.owner.is_none() {
            let expected = "the id of the user whose the tasks are";
            self.problem(&format!("{path}.owner"), "nothing", expected, "Name the user, or take the task out.");
        }
        let mut when = Vec::new();
        for (i, condition) in table.when.into_iter().enumerate() {
            when.extend(self.condition(&format!("{path}.when[{i}]"), condition));
        }
        let task = table.task.map(|task| TaskRule {
            kind: task.kind,
            due: Duration::from_secs(u64::from(task.due_hours.unwrap_or(DUE_HOURS_DEFAULT)) * 60 * 60),
            priority: task.priority,
            note: task.note,
        });
        Some(SignalRule {
            name: table.name,
            signal: table.signal,
            when,
            sequence: table.sequence,
            mailboxes: table.mailboxes,
            mailbox_per_day: table.mailbox_per_day.unwrap_or(MAILBOX_PER_DAY_DEFAULT),
            owner: table.owner,
            task,
            stage: table.stage,
            allow: table.allow,
            cool_down: table.cool_down_days.map_or(COOL_DOWN_DEFAULT, days),
            not_in_crm: table.not_in_crm,
        })
    }

    fn condition(&mut self, path: &str, table: ConditionTable) -> Option<Condition> {
        let at = self.pointer(&format!("{path}.at"), &table.at);
        let ConditionTable { one_of, at_least, at_most, .. } = table;
        let test = self.test(path, Written { one_of, at_least, at_most });
        Some(Condition { at: at?, test: test? })
    }
}

/// In the place of a JSON pointer: the address ends in the id of the record.
const ADDRESS: &str = "address";
/// What mailboxes are advised to send to new people in a day.
const MAILBOX_PER_DAY_DEFAULT: u32 = 50;
/// For how long nobody is put into the same sequence again when the configuration doesn't say.
const COOL_DOWN_DEFAULT: Duration = days(90);
/// How long a signal may wait when the configuration doesn't say: after that it is no news any more.
const GIVE_UP_DEFAULT: Duration = days(7);
/// How long sellers have for a task when the configuration doesn't say.
const DUE_HOURS_DEFAULT: u32 = 24;
