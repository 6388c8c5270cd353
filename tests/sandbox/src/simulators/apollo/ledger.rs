//! What was charged, as the vendor sees it.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::endpoints::{self, EndpointName};
use crate::kept::{Changed, Kept, Row, position, text};

/// What credits buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// What is known of a person, with the address that Apollo itself has.
    Person,
    /// An address that other sources have found.
    Email,
    /// A mobile number.
    Mobile,
    /// What is known of an organization.
    Organization,
    /// A page of a search for companies.
    Page,
    /// Whether an address works.
    Verification,
}

/// One thing, paid for once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// What.
    pub item: Item,
    /// When.
    pub at: Timestamp,
    /// Through which endpoint: `api/v1/people/match`, `api/v1/people/bulk_match`.
    #[serde(deserialize_with = "endpoints::named")]
    pub endpoint: EndpointName,
    /// The number of the call among all calls to the vendor, from 0.
    pub call: u64,
    /// Of whom: Apollo's own id. A page has none.
    pub id: String,
    /// The address that Apollo has of them.
    pub email: Option<String>,
    /// What was asked with; of an organization, its domain.
    pub asked: String,
    /// What it cost, in thousandths of a credit.
    pub milli: i64,
}

/// The whole of it. This is the truth that our own books are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Every charge, in its order.
    pub charges: Vec<Charge>,
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Calls that were let through to their work, by endpoint.
    pub calls: BTreeMap<String, u64>,
    /// People asked for in them.
    pub people_asked: u64,
    /// People asked for who aren't known.
    pub people_missed: u64,
    /// People charged for.
    pub records_charged: u64,
    /// Mobile numbers charged for.
    pub mobiles_charged: u64,
    /// What everything cost, in thousandths of a credit.
    pub credits_charged: i64,
    /// Calls turned away by a rate limit.
    pub throttled: u64,
    /// Calls turned away because there were not enough credits.
    pub out_of_credits: u64,
    /// Numbers that were found and not handed out, because there were not enough credits.
    pub unpaid: u64,
    /// Calls turned away because of their key.
    pub denied: u64,
}

impl Ledger {
    /// How often somebody with this address was charged for. Their number is another matter.
    pub fn charges_of(&self, email: &str) -> usize {
        self.count(Item::Person, email)
    }

    /// How often the mobile number of somebody with this address was charged for.
    pub fn mobile_charges_of(&self, email: &str) -> usize {
        self.count(Item::Mobile, email)
    }

    /// How often the organization with this domain was charged for.
    pub fn organization_charges_of(&self, domain: &str) -> usize {
        self.count(Item::Organization, domain)
    }

    /// What was paid for all of this, in thousandths of a credit.
    pub fn milli_for(&self, item: Item) -> i64 {
        self.charges.iter().filter(|charge| charge.item == item).map(|charge| charge.milli).sum()
    }

    /// Calls to an endpoint that were let through.
    pub fn calls_to(&self, endpoint: &str) -> u64 {
        self.calls.get(endpoint).copied().unwrap_or_default()
    }

    fn count(&self, item: Item, of: &str) -> usize {
        let of = of.trim().to_lowercase();
        let is_of = |charge: &&Charge| charge.email.as_ref() == Some(&of) || charge.asked == of;
        self.charges.iter().filter(|charge| charge.item == item).filter(is_of).count()
    }

    pub(super) fn has_charged(&self, item: Item, id: &str) -> bool {
        self.charges.iter().any(|charge| charge.item == item && charge.id == id)
    }

    pub(in crate::simulators) fn charge(&mut self, charge: Charge) {
        self.records_charged += u64::from(charge.item == Item::Person);
        self.mobiles_charged += u64::from(charge.item == Item::Mobile);
        self.credits_charged += charge.milli;
        self.charges.push(charge);
    }
}

/// The ledger of a team, and how much of it is saved: the charges one by one, and the figures together.
#[derive(Default)]
pub(super) struct Books {
    ledger: Ledger,
    saved_charges: usize,
    saved_figures: String,
}

/// The key of the figures.
const FIGURES: &str = "figures";

impl Deref for Books {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

impl DerefMut for Books {
    fn deref_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }
}

impl Kept for Books {
    fn restore(&mut self, rows: Vec<Row>) -> Result<(), serde_json::Error> {
        let (figures, charges): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.key == FIGURES);
        if let Some(figures) = figures.into_iter().next() {
            self.ledger = serde_json::from_str(&figures.value)?;
            self.saved_figures = figures.value;
        }
        self.ledger.charges = charges.iter().map(|row| serde_json::from_str(&row.value)).collect::<Result<_, _>>()?;
        self.saved_charges = self.ledger.charges.len();
        Ok(())
    }

    fn changes(&mut self) -> Vec<Changed> {
        let added = self.ledger.charges.iter().enumerate().skip(self.saved_charges);
        let mut changes: Vec<Changed> = added.map(|(index, charge)| (position(index), Some(text(charge)))).collect();
        self.saved_charges = self.ledger.charges.len();
        let (charges, calls) = (Vec::new(), self.ledger.calls.clone());
        let figures = text(&Ledger { charges, calls, ..self.ledger });
        if figures != self.saved_figures {
            self.saved_figures.clone_from(&figures);
            changes.push((FIGURES.to_owned(), Some(figures)));
        }
        changes
    }
}
