//! A second tenant in the same installation: its messages are on the same queue, its records and credits in the same
//! tables, and nothing of either is the other's business.

use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::lead::record::StateName;

use super::play::Play;
use crate::books::{Books, Goods};
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::apollo::Asked;

/// A lead of the second tenant.
#[derive(Debug, Clone)]
pub(super) struct Theirs {
    contact: String,
    email: String,
}

impl Play {
    pub(super) fn neighbour_lead(&mut self) {
        let Some(neighbour) = &self.world.neighbour else { return };
        let email = format!("next{0}.door{0}@engine.example", self.theirs.len());
        let contact = neighbour.hubspot.create_contact([("email", email.as_str())]);
        self.theirs.push(Theirs { contact, email });
    }

    fn neighbour_id(&self) -> Option<TenantId> {
        self.world.neighbour_tenant().map(|tenant| tenant.id.clone())
    }

    /// Its portal delivers what it has to tell.
    pub(super) async fn deliver_to_the_neighbour(&self) {
        if let Some(neighbour) = &self.world.neighbour {
            neighbour.hubspot.deliver().await;
            neighbour.apollo.deliver_callbacks(self.world.http()).await;
        }
    }

    /// Credits for all its leads, with us and with its provider.
    pub(super) async fn pay_for_the_neighbour(&self, credits: i64) -> Result<(), StoreError> {
        let (Some(id), now) = (self.neighbour_id(), self.world.clock.now()) else { return Ok(()) };
        let amounts: Amounts = self
            .terms
            .kinds(credits)
            .into_iter()
            .map(|(kind, amount)| (Bucket::new(kind), Milli::credits(amount)))
            .collect();
        let name = format!("pack-pay-{}", now.as_millisecond());
        let ends = later(now, days(31));
        if let Some(neighbour) = &self.world.neighbour {
            neighbour.apollo.add_pack(amounts.total().get(), ends);
        }
        let pack = Wallet::open(WalletId(name.clone()), WalletKind::Pack, now, ends, amounts);
        self.world.credits.unmetered().open(&id, &pack, Some(&name), now).await.map(drop)
    }

    /// Whether something of its is held.
    pub(super) async fn neighbour_holds(&self) -> Result<bool, StoreError> {
        match self.neighbour_id() {
            Some(id) => Ok(!self.world.credits.unmetered().open_holds(&id).await?.is_empty()),
            None => Ok(false),
        }
    }

    /// Whether one of its leads is parked.
    pub(super) async fn neighbour_waits(&self) -> Result<bool, StoreError> {
        let Some(id) = self.neighbour_id() else { return Ok(false) };
        let key = |lead: &Theirs| RecordKey { tenant: id.clone(), ..self.world.key(&lead.contact) };
        let keys: Vec<RecordKey> = self.theirs.iter().map(key).collect();
        let records = self.world.records.unmetered().read(&keys, Consistency::Strong).await?;
        Ok(records.values().any(|record| record.state.is_deferred()))
    }

    /// Each of its leads was bought from its own team, once, and written to its own portal; and its books agree.
    pub(super) async fn check_the_neighbour(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let (Some(neighbour), Some(id)) = (&self.world.neighbour, self.neighbour_id()) else { return Ok(()) };
        let mut books = Books::read(&self.world.credits.unmetered(), &id).await?;
        books.compare_with(&neighbour.apollo.ledger());
        let key = |contact: &str| RecordKey { tenant: id.clone(), ..self.world.key(contact) };
        let keys: Vec<RecordKey> = self.theirs.iter().map(|lead| key(&lead.contact)).collect();
        let records = self.world.records.unmetered().read(&keys, Consistency::Strong).await?;
        for Theirs { contact, email } in &self.theirs {
            let lines = books.lines_of(Goods::People, contact);
            let state = records.get(&key(contact)).map(|record| record.state.name());
            let given_up = self.wide.windows.is_some() && state == Some(StateName::Refused) && lines.hits == 0;
            let ended = state == Some(StateName::Written) || (state == Some(StateName::Failed) && lines.unknowns >= 2);
            let ended = ended || given_up;
            findings.check(ended, Promise::Leads, || {
                format!("contact {contact} of the second tenant stands at {state:?} with {lines:?}")
            });
            let charged = neighbour.apollo.charges_of(email);
            findings.check(charged <= lines.hits + lines.unknowns, Promise::Once, || {
                format!("the second tenant's provider charged {charged} times for {contact}, we know of {lines:?}")
            });
            findings.check(self.world.apollo.charges_of(email) == 0, Promise::Credits, || {
                format!("contact {contact} of the second tenant was bought from the first one's team")
            });
            let title = neighbour.hubspot.contact(contact).and_then(|it| it.value("jobtitle").map(str::to_owned));
            let known = neighbour.apollo.whom(&Asked::email(email)).map(|person| person.title);
            findings.check(state != Some(StateName::Written) || title == known, Promise::Crm, || {
                format!("contact {contact} of the second tenant has the job title {title:?}, not {known:?}")
            });
        }
        let strangers =
            self.leads.iter().filter(|lead| lead.emails.iter().any(|email| neighbour.apollo.charges_of(email) > 0));
        let strangers = strangers.count();
        findings.check(strangers == 0, Promise::Credits, || {
            format!("{strangers} leads of the first tenant were bought from the second one's team")
        });
        findings.extend(books.findings);
        Ok(())
    }
}
