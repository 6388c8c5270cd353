//! What a hold is made of: a line for each record with the most it can cost, the caps that it counts towards, and where the
//! credits are taken from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::cap::Limit;
use leadgate_enrichment::credits::ledger::{AskedAbout, Hold, HoldLine, PurchaseKind, Slice};
use leadgate_enrichment::credits::money::Values;
use leadgate_enrichment::ids::{ProviderName, PurchaseId, RecordKey};
use leadgate_enrichment::purchase::choice::Cap;

/// What one record can cost at worst.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// What is paid for.
    pub subject: &'a RecordKey,
    /// The most it can cost.
    pub worst: Amounts,
    /// What it counts towards.
    pub caps: &'a [Cap],
}

/// The caps that the lines of a purchase count towards, each once.
#[derive(Debug, Default)]
pub struct Caps<'a>(BTreeMap<&'a str, &'a Cap>);

impl<'a> Caps<'a> {
    /// Those of these lines.
    pub fn of(caps: impl IntoIterator<Item = &'a Cap>) -> Self {
        Self(caps.into_iter().map(|cap| (cap.name.as_str(), cap)).collect())
    }

    /// The lines as a hold stores them: each names its caps by their places.
    pub fn lines(&self, lines: &[Line<'_>]) -> Vec<HoldLine> {
        let place = |cap: &Cap| self.0.keys().position(|name| *name == cap.name);
        let stored = |line: &Line<'_>| HoldLine {
            subject: line.subject.clone(),
            worst: line.worst.clone(),
            caps: line.caps.iter().filter_map(place).collect(),
        };
        lines.iter().map(stored).collect()
    }

    /// How far each goes, less what is to be kept of it.
    pub fn limits(&self, keep: impl Fn(&Cap) -> Amounts) -> Vec<Limit> {
        self.0.values().map(|cap| cap.limit.less(&keep(cap))).collect()
    }

    /// What credits are worth, where one of them is in money. They are of one tenant, so that all of them say the same.
    fn values(&self) -> Option<Values> {
        self.0.values().find_map(|cap| cap.limit.money.as_ref()).map(|money| money.values.clone())
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(|name| (*name).to_owned()).collect()
    }
}

/// Which purchase holds, and until when its worker may be at it.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Its id.
    pub purchase: PurchaseId,
    /// The purchase that its records are claimed for.
    pub claim: PurchaseId,
    /// Of whom it buys.
    pub provider: ProviderName,
    /// What it buys.
    pub kind: PurchaseKind,
    /// When it holds.
    pub held_at: Timestamp,
    /// When its claims run out.
    pub claimed_until: Timestamp,
}

impl Holder {
    /// A hold for these lines, out of these slices, at prices of this version.
    pub fn hold(self, caps: &Caps<'_>, lines: &[Line<'_>], slices: Vec<Slice>, price_version: String) -> Hold {
        Hold {
            claim: (self.claim != self.purchase).then_some(self.claim),
            provider: Some(self.provider),
            purchase: self.purchase,
            kind: self.kind,
            held_at: self.held_at,
            claimed_until: self.claimed_until,
            price_version,
            prices: Vec::new(),
            lines: caps.lines(lines),
            unheld_from: None,
            slices,
            caps: caps.names(),
            values: caps.values(),
            asked: AskedAbout::default(),
        }
    }
}
