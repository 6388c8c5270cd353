//! What is remembered of a list that is built at night: where its search stands, and what the night has come to.
//!
//! A step takes the list as it was read and gives the list as it shall be. The store writes it only if nobody has written in
//! between (`rev`), so that a step is taken once.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::Icp;
use super::split::Walk;
use crate::credits::Amounts;
use crate::ids::{PurchaseId, TenantId};
use crate::provider::prospecting::{AccountFilter, FoundAccount, SearchPage};

/// The message about a list: go on with it, in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListStep {
    /// Whose.
    pub tenant: TenantId,
    /// Which: the profile's name.
    pub icp: String,
    /// In which run: the night, as a day. A later one takes the place of an earlier one.
    pub run: String,
}

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// How often it has been written. The store counts.
    pub rev: u64,
    /// What it searches ([`Icp::search_version`]): another search begins at its beginning.
    pub search: String,
    /// Where the search of accounts stands.
    pub walk: Walk,
    /// Accounts that fit, by their domains, at which people are to be looked for.
    pub accounts: Vec<String>,
    /// When the search came to its end.
    #[serde(with = "millisecond::optional", default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The night that is, or was last.
    pub night: Night,
    /// All nights of this search.
    pub sums: Sums,
    /// The page that is being bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buying: Option<Buying>,
    /// Until when a worker is at it.
    #[serde(with = "millisecond::required")]
    pub claimed_until: Timestamp,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Night {
    /// Its name: a day. Blank before the first.
    pub run: String,
    /// When it was begun.
    #[serde(with = "millisecond::required")]
    pub begun_at: Timestamp,
    /// What it has asked for, at worst, and what its pages have cost.
    pub used: Amounts,
    /// Why it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// What it has done.
    pub sums: Sums,
}

/// Why a night has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Stopped {
    /// All pages were read, and all people asked for.
    AtTheEnd,
    /// The budget of the night is used up.
    Budget,
    /// The wallets, the floor or a cap leave nothing for a page.
    Credits,
    /// The provider says that our credits with it are used up.
    ProviderOutOfCredits,
    /// The provider refuses the key, the plan or the search.
    Refused,
    /// Of too many pages it isn't known whether they were paid for.
    Unknown,
}

/// A page that is being bought, or has been and may not be settled yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buying {
    /// Under which purchase.
    pub purchase: PurchaseId,
    /// Whether what came is in the list.
    pub is_kept: bool,
    /// What it cost then.
    pub cost: Amounts,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Pages of accounts.
    pub pages: u64,
    /// Of these, those that may have been paid for without having been seen: they are asked for once more.
    pub unknown_pages: u64,
    /// Accounts on them.
    pub accounts: u64,
    /// Of these, those that fit.
    pub fitting: u64,
    /// Accounts at which people were looked for.
    pub searched: u64,
    /// People who were found there, as many as may be bought of an account.
    pub people: u64,
    /// Of these, those who were asked for.
    pub requested: u64,
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// To look for people at the account of this domain.
    People(String),
    /// To buy this page of accounts.
    Accounts(AccountFilter, u16),
    /// Nothing: the search is at its end.
    Nothing,
}

impl List {
    /// Before its first night.
    pub fn new(icp: &Icp) -> Self {
        Self {
            rev: 0,
            search: icp.search_version(),
            walk: Walk::begin(),
            accounts: Vec::new(),
            ended_at: None,
            night: Night::default(),
            sums: Sums::default(),
            buying: None,
            claimed_until: Timestamp::UNIX_EPOCH,
        }
    }

    /// The list in the run of this name, and `None` when that is an earlier one, or has ended. A search that was changed, or
    /// has come to its end and is to be done again (`again`), begins at its beginning.
    pub fn in_run(self, run: &str, icp: &Icp, again: bool, now: Timestamp) -> Option<Self> {
        if run < self.night.run.as_str() || (run == self.night.run && self.night.stopped.is_some()) {
            return None;
        }
        if run == self.night.run {
            return Some(self);
        }
        let is_another = self.search != icp.search_version() || (again && self.ended_at.is_some());
        let list = match is_another {
            // What is being bought has to be settled all the same.
            true => Self { rev: self.rev, buying: self.buying, claimed_until: self.claimed_until, ..Self::new(icp) },
            false => self,
        };
        let night = Night { run: run.to_owned(), begun_at: now, ..Night::default() };
        Some(Self { night, ..list })
    }

    /// What is next: the people of the accounts that are there come before more accounts.
    pub fn next(&self, icp: &Icp) -> Next {
        match (self.accounts.last(), self.walk.next(icp)) {
            (Some(domain), _) => Next::People(domain.clone()),
            (None, Some((search, page))) => Next::Accounts(search, page),
            (None, None) => Next::Nothing,
        }
    }

    /// What of the night's budget is left.
    pub fn left(&self, icp: &Icp) -> Amounts {
        icp.budget.less(&self.night.used)
    }

    /// A page is being bought under this purchase.
    #[must_use]
    pub fn buying(self, purchase: PurchaseId) -> Self {
        Self { buying: Some(Buying { purchase, is_kept: false, cost: Amounts::default() }), ..self }
    }

    /// The page has come: the accounts on it that fit are looked into next, and the walk goes on behind it.
    #[must_use]
    pub fn with_page(self, icp: &Icp, page: &SearchPage<FoundAccount>, cost: Amounts) -> Self {
        let fitting = page.found.iter().filter(|account| icp.fits(&account.profile).is_ok());
        let mut accounts: Vec<String> = fitting.map(|account| account.domain.clone()).collect();
        let done =
            Sums { pages: 1, accounts: page.found.len() as u64, fitting: accounts.len() as u64, ..Sums::default() };
        // The last is taken first.
        accounts.reverse();
        let buying = self.buying.clone().map(|buying| Buying { is_kept: true, cost: cost.clone(), ..buying });
        let walk = self.walk.clone().after(icp, page.total);
        Self { walk, accounts, buying, ..self }.plus(done).using(&cost)
    }

    /// It isn't known whether the page was paid for: it counts, and is asked for again.
    #[must_use]
    pub fn with_unknown_page(self, worst: &Amounts) -> Self {
        Self { buying: None, ..self }.plus(Sums { unknown_pages: 1, ..Sums::default() }).using(worst)
    }

    /// People were looked for at the first account: so many found, so many asked for, at this much. `is_done` says that all
    /// of them were.
    #[must_use]
    pub fn with_people(mut self, (found, requested): (u64, u64), worst: &Amounts, is_done: bool) -> Self {
        let done = match is_done {
            true => {
                self.accounts.pop();
                Sums { searched: 1, people: found, requested, ..Sums::default() }
            }
            false => Sums { requested, ..Sums::default() },
        };
        self.plus(done).using(worst)
    }

    /// Nothing of it is being bought any more.
    #[must_use]
    pub fn settled(self) -> Self {
        Self { buying: None, ..self }
    }

    /// The night has ended. What is left is for the next.
    #[must_use]
    pub fn stopped(self, why: Stopped, now: Timestamp) -> Self {
        let ended_at = if why == Stopped::AtTheEnd { self.ended_at.or(Some(now)) } else { self.ended_at };
        let night = Night { stopped: Some(why), ..self.night };
        Self { night, ended_at, claimed_until: now, ..self }
    }

    fn plus(self, done: Sums) -> Self {
        let night = Night { sums: self.night.sums.plus(done), ..self.night };
        Self { sums: self.sums.plus(done), night, ..self }
    }

    fn using(self, amounts: &Amounts) -> Self {
        let used = [&self.night.used, amounts].into_iter().sum();
        Self { night: Night { used, ..self.night }, ..self }
    }
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            pages: self.pages + other.pages,
            unknown_pages: self.unknown_pages + other.unknown_pages,
            accounts: self.accounts + other.accounts,
            fitting: self.fitting + other.fitting,
            searched: self.searched + other.searched,
            people: self.people + other.people,
            requested: self.requested + other.requested,
        }
    }
}
