//! What a demo found out. Everything in it is counted or measured, nothing is reckoned from what was asked for.

use std::collections::BTreeMap;

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::money::Money;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::purchase::cost::Cost;
use serde::Serialize;

/// What `leadgate demo --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Leads created in the CRM.
    pub leads: usize,
    /// Events the CRM sent, those sent twice counted twice.
    pub events_sent: usize,
    /// Events in deliveries that were answered 200.
    pub accepted: usize,
    /// Leads that stood so at the end of the first cycle.
    pub written_back: usize,
    /// See `written_back`.
    pub unmatched: usize,
    /// See `written_back`.
    pub deferred: usize,
    /// See `written_back`.
    pub refused: usize,
    /// Of the deferred, those written back in later cycles, and those unknown to the provider.
    pub released: usize,
    /// Of the deferred, those closed in later cycles because they had waited for too long.
    pub given_up: usize,
    /// Leads that stand so at the very end; messages in the dead-letter queue are counted as well.
    pub failed: usize,
    /// Leads without any end.
    pub lost: usize,
    /// Leads with a mobile number at the very end. Only where numbers were bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phones_written: Option<usize>,
    /// Billing cycles it took.
    pub cycles: usize,
    /// Our ledger at the end, over all cycles.
    pub credits: Credits,
    /// What that was in money, at the value that the demo's configuration gives a credit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostReport>,
    /// The provider's own books at the end.
    pub provider: Provider,
    /// The CRM's own books at the end.
    pub crm: Crm,
    /// What AWS would charge for.
    pub aws: Aws,
    /// From the first delivery to the last write.
    pub seconds: f64,
    /// Leads through in the first cycle, per second of it.
    pub leads_per_second: f64,
}

/// Our ledger. In credits.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the words are the ledger's")]
pub struct Credits {
    pub granted: f64,
    pub spent: f64,
    pub held: f64,
    pub expired: f64,
    pub available: f64,
}

impl Credits {
    /// All wallets together.
    pub(super) fn of(wallets: &[Wallet]) -> Self {
        let total = |of: fn(&Wallet) -> &Amounts| wallets.iter().map(of).sum::<Amounts>().total().to_decimal();
        Self {
            granted: total(|wallet| &wallet.granted),
            spent: total(|wallet| &wallet.spent),
            held: total(|wallet| &wallet.held),
            expired: total(|wallet| &wallet.expired),
            available: total(|wallet| &wallet.available),
        }
    }
}

/// What was spent, in money.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostReport {
    /// `USD`.
    pub currency: String,
    /// In all.
    pub spent: f64,
    /// For each lead that the CRM has something of.
    pub per_written_lead: Option<f64>,
    /// For each property that was filled.
    pub per_field: Option<f64>,
    /// The same, exactly.
    #[serde(skip)]
    pub exact: Cost,
}

impl CostReport {
    /// Of this.
    pub fn of(exact: Cost) -> Self {
        Self {
            currency: exact.currency.to_string(),
            spent: exact.spent.to_decimal(),
            per_written_lead: exact.per_written_lead().map(Money::to_decimal),
            per_field: exact.per_field().map(Money::to_decimal),
            exact,
        }
    }
}

/// The provider's books.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Provider {
    /// Look-ups it carried out, each for up to ten people.
    pub calls: u64,
    /// People it charged for.
    pub records_charged: u64,
    /// Mobile numbers it charged for.
    pub phones_charged: u64,
    /// What it charged, in credits.
    pub credits_charged: f64,
    /// Requests it turned away by a rate limit.
    pub throttled: u64,
}

/// The CRM's books.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Crm {
    /// Contacts written by our calls.
    pub records_written: u64,
    /// Calls that wrote something.
    pub writes: u64,
}

/// What AWS would charge for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Aws {
    /// DynamoDB write units over all cycles, as DynamoDB reported them.
    pub write_units: f64,
    /// DynamoDB read units over all cycles, likewise.
    pub read_units: f64,
    /// Requests to SQS, those of the event source mapping included.
    pub sqs_requests: u64,
    /// Write units that the first cycle spent on enriching (claim, hold, permit, keep, settle, close: those of people the
    /// provider didn't know included), for each lead it wrote back. Parking a lead that has to wait is not in it.
    pub write_units_per_written_lead: f64,
    /// Write units that the first cycle spent on parking and releasing, for each lead that it parked, if only until
    /// credits that were held for others were free again.
    pub write_units_per_deferred_lead: f64,
    /// Write units of the first cycle by step.
    pub first_cycle_write_units: BTreeMap<&'static str, f64>,
}

impl Report {
    /// What must be so, whatever was asked for. The complaints; none is good.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut check = |fine: bool, complaint: String| {
            if !fine {
                complaints.push(complaint);
            }
        };
        let (ours, theirs) = (self.credits.spent, self.provider.credits_charged);
        check((ours - theirs).abs() < 0.0005, format!("our ledger says {ours} spent, the provider's {theirs} charged"));
        check(self.lost == 0, format!("{} leads have no end", self.lost));
        check(self.failed == 0, format!("{} leads failed", self.failed));
        let accounted = self.written_back + self.unmatched + self.deferred + self.refused;
        check(accounted == self.leads, format!("{accounted} of {} leads are accounted for", self.leads));
        let finished = self.released + self.given_up;
        check(finished == self.deferred, format!("{finished} of {} deferred leads were finished", self.deferred));
        if let Some(written) = self.phones_written {
            let charged = self.provider.phones_charged;
            check(written as u64 == charged, format!("{written} numbers were written, {charged} charged for"));
        }
        check(self.credits.held == 0.0, format!("{} credits are still held", self.credits.held));
        complaints
    }
}
