//! What a run's records have cost so far, by the ledger.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::earlier;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Entry, Hold};
use leadgate_enrichment::ids::RecordKey;

use crate::Failure;
use crate::books::Books;

/// No worker runs for so long: what was begun before has a hold by now, or none.
const LONGEST_RUN: Duration = Duration::from_secs(60 * 60);

/// What they have cost. A purchase of which nothing can be held any more is read once: a run of days would read all that it
/// has bought every two seconds.
pub(super) struct Settled {
    /// By purchases that were begun before `since`.
    before: HashMap<RecordKey, Amounts>,
    since: Timestamp,
    /// By those after it.
    after: HashMap<RecordKey, Amounts>,
}

impl Settled {
    /// Nothing, of purchases since then.
    pub(super) fn since(began: Timestamp) -> Self {
        Self { before: HashMap::new(), since: began, after: HashMap::new() }
    }

    /// Reads what was settled. `holds` are those that were open just before.
    pub(super) async fn read(
        &mut self,
        books: &Books,
        records: &[RecordKey],
        holds: &[Hold],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mine: HashSet<&RecordKey> = records.iter().collect();
        let open_since = holds.iter().map(|hold| hold.purchase.made_at());
        let may_come_since = open_since.fold(earlier(now, LONGEST_RUN), Timestamp::min).max(self.since);
        self.after.clear();
        for entry in books.credits.purchases_since(&books.tenant, self.since).await? {
            let Entry::Purchase { purchase, lines, .. } = entry else { continue };
            let is_over = purchase.made_at() < may_come_since;
            let sums = if is_over { &mut self.before } else { &mut self.after };
            for line in lines.into_iter().filter(|line| mine.contains(&line.subject)) {
                *sums.entry(line.subject).or_default() += &line.cost;
            }
        }
        self.since = may_come_since;
        Ok(())
    }

    /// Whether something was bought for it.
    pub(super) fn has(&self, record: &RecordKey) -> bool {
        self.before.contains_key(record) || self.after.contains_key(record)
    }

    pub(super) fn sum(&self) -> Amounts {
        self.before.values().chain(self.after.values()).sum()
    }
}
