//! A world in which signals enrol people.

use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::standard_webhooks;
use leadgate_enrichment::clock::Clock;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::World;
use super::settings::{APEX_SECRET, Settings};
use crate::simulators::apollo::{mailbox_id, sequence_id};

/// The sequence that the rules of such a world enrol in.
pub const SEQUENCE: &str = "New leads";
/// The mailboxes that they send from.
pub const MAILBOXES: [&str; 2] = ["sales@leadgate.example", "outbound@leadgate.example"];

/// What the configuration gets, with the ids of a simulated team.
const TABLES: &str = r#"
[tenants.demo.signals]
do_not_contact = ["hs_email_optout"]
enrolled_property = "leadgate_sequence"
stops = { replied = 30, bounced = 365, unsubscribed = 36500 }
[tenants.demo.signals.sources.intent]
signature = "standard-webhooks"
secrets = ["leadgate/demo/intent/crm-signing"]
items = "/signals"
record = "/contact"
signal = "/type"
[tenants.demo.signals.sources.engagement]
signature = "standard-webhooks"
secrets = ["leadgate/demo/engagement/crm-signing"]
items = "/signals"
email = "/email"
signal = "/type"
[[tenants.demo.signals.rules]]
name = "new-job"
signal = "job-change"
when = [{ at = "/seniority", one_of = ["vp", "head", "c_suite"] }, { at = "/employees", at_least = 50 }]
sequence = "SEQUENCE"
mailboxes = ["MAILBOX_0", "MAILBOX_1"]
mailbox_per_day = 40
owner = "6633baaece5fbd01c791d7ca"
task = { kind = "call", due_hours = 24, priority = "high", note = "They have a new job." }
stage = "6095a710bd01d100a506d4ae"
allow = ["job-change"]
"#;

impl Settings {
    /// The same, with sources of signals and a rule for changes of jobs.
    #[must_use]
    pub fn with_signals(self) -> Self {
        let tables = TABLES.replace("SEQUENCE", &sequence_id(SEQUENCE));
        let named =
            |tables: String, (i, email): (usize, &&str)| tables.replace(&format!("MAILBOX_{i}"), &mailbox_id(email));
        let tables = MAILBOXES.iter().enumerate().fold(tables, named);
        Self { config: self.config + &tables, ..self }
    }
}

/// A change of jobs that the rule of such a world is for.
pub fn job_change(contact: &str) -> Value {
    json!({ "type": "job-change", "contact": contact, "seniority": "VP", "employees": 250 })
}

impl World {
    /// What the rules of such a world need of the vendors, beside what every world has.
    pub fn prepare_for_signals(&self) {
        for mailbox in MAILBOXES {
            self.apollo.add_mailbox(mailbox, true);
        }
        for property in ["hs_email_optout", "leadgate_sequence"] {
            self.hubspot.define_property(property);
        }
    }

    /// Signals as a source delivers them, in one delivery of this id.
    pub fn signals(&self, source: &str, id: &str, signals: &[Value]) -> RequestBuilder {
        let (secret, at) = (Secret::new(APEX_SECRET.to_owned()), self.clock.now().as_second());
        let body = json!({ "signals": signals }).to_string();
        let signature = standard_webhooks::sign(&secret, id, at, body.as_bytes()).unwrap_or_default();
        let request = self.http().post(format!("{}/signals/{}/{source}", self.url, self.tenant_id()));
        let request = request.header("webhook-id", id).header("webhook-timestamp", at.to_string());
        request.header("webhook-signature", signature).body(body)
    }
}
