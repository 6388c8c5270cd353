//! What a list of accounts comes to before anything of it is bought.
//!
//! Every figure is a most: a page costs what the price list says, a person what they can cost at worst, and of each account
//! that fits as many people are bought as may be. So a night never costs more than is said here.

use super::Icp;
use crate::credits::{Amounts, Bucket, Milli};

/// What the forecast rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// How many accounts the search finds.
    pub accounts: u64,
    /// How many of a hundred fit.
    pub fit_percent: u8,
}

/// What it costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// A page of accounts.
    pub page: Amounts,
    /// A page of people: a search at one account.
    pub people_page: Amounts,
    /// One person, at worst.
    pub person: Amounts,
}

impl Costs {
    /// What the dearest of them takes of this kind of credit.
    pub fn dearest(&self, bucket: &Bucket) -> Milli {
        let each = [&self.page, &self.people_page, &self.person];
        each.into_iter().map(|cost| cost.get(bucket)).max().unwrap_or(Milli::ZERO)
    }
}

/// What it comes to, at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Into how many searches it has to be split, at least, so that all is shown.
    pub searches: u64,
    /// Pages of accounts.
    pub pages: u64,
    /// Accounts that fit: at each, people are searched once.
    pub accounts_that_fit: u64,
    /// People who are bought.
    pub people: u64,
    /// What the pages cost, of accounts and of people.
    pub searching: Amounts,
    /// What the people cost.
    pub buying: Amounts,
    /// In how many nights it is done, with the budget of a night. `None` if that doesn't pay for a single page or person.
    pub nights: Option<u64>,
}

impl Forecast {
    /// What this list comes to.
    pub fn of(icp: &Icp, basis: Basis, costs: &Costs) -> Self {
        let searches = basis.accounts.div_ceil(icp.ceiling.results_max().max(1)).max(1);
        // One page more for each search that is found to be too large: its first page is read before it is split.
        let pages = basis.accounts.div_ceil(u64::from(icp.ceiling.results_per_page).max(1)).max(1) + 2 * (searches - 1);
        let accounts_that_fit = (u128::from(basis.accounts) * u128::from(basis.fit_percent.min(100))).div_ceil(100);
        let accounts_that_fit = u64::try_from(accounts_that_fit).unwrap_or(u64::MAX);
        let people = accounts_that_fit.saturating_mul(u64::from(icp.people_per_account));
        let searching = [times(&costs.page, pages), times(&costs.people_page, accounts_that_fit)].iter().sum();
        let buying = times(&costs.person, people);
        let needs = [(&costs.page, pages), (&costs.people_page, accounts_that_fit), (&costs.person, people)];
        Self { searches, pages, accounts_that_fit, people, searching, buying, nights: nights(&icp.budget, &needs) }
    }

    /// All that it costs.
    pub fn total(&self) -> Amounts {
        [&self.searching, &self.buying].into_iter().sum()
    }
}

fn times(amounts: &Amounts, many: u64) -> Amounts {
    let mut all = Amounts::default();
    for (bucket, each) in amounts.iter() {
        let many = i64::try_from(many).unwrap_or(i64::MAX);
        all.add(bucket, Milli::new(each.get().saturating_mul(many)));
    }
    all
}

/// A night ends when what is next doesn't fit into what is left of its budget. That is less than the dearest costs, and what
/// is spent comes in steps of the cheapest at least.
fn nights(budget: &Amounts, needs: &[(&Amounts, u64)]) -> Option<u64> {
    let needs = || needs.iter().filter(|(_, many)| *many > 0);
    let all: Amounts = needs().map(|(each, many)| times(each, *many)).collect::<Vec<_>>().iter().sum();
    let mut nights = 1;
    for (bucket, needed) in all.iter().filter(|(_, needed)| needed.get() > 0) {
        let costs = || needs().map(|(each, _)| each.get(bucket).get()).filter(|cost| *cost > 0);
        let (cheapest, dearest) = (costs().min()?, costs().max()?);
        let budget = budget.get(bucket).get();
        if budget < dearest {
            return None;
        }
        let usable = ((budget - (dearest - cheapest)) / cheapest * cheapest).max(dearest);
        nights = nights.max(u64::try_from(needed.get()).ok()?.div_ceil(u64::try_from(usable).ok()?));
    }
    Some(nights)
}

#[cfg(test)]
mod tests {
    use super::super::tests::icp;
    use super::*;

    fn credits(credits: i64) -> Amounts {
        Amounts::one(Bucket::new("credits"), Milli::credits(credits))
    }

    fn forecast(accounts: u64, budget: i64, person: i64) -> Forecast {
        let icp = Icp { budget: credits(budget), ..icp() };
        let costs = Costs { page: credits(1), people_page: Amounts::default(), person: credits(person) };
        Forecast::of(&icp, Basis { accounts, fit_percent: 50 }, &costs)
    }

    #[test]
    fn pages_people_credits_and_nights_are_the_most_that_it_can_come_to() {
        let small = forecast(1_001, 100, 1);
        assert_eq!((small.searches, small.pages, small.accounts_that_fit, small.people), (1, 11, 501, 1_503));
        assert_eq!((&small.searching, &small.buying), (&credits(11), &credits(1_503)));
        assert_eq!((small.total(), small.nights), (credits(1_514), Some(16)));
        let large = forecast(45_000, 1_000, 1);
        assert_eq!((large.searches, large.pages), (5, 458), "each split has read a first page too many");
        let none = forecast(0, 100, 1);
        assert_eq!((none.pages, none.people, none.nights), (1, 0, Some(1)), "that there is none is known by a page");
    }

    #[test]
    fn a_night_leaves_what_does_not_pay_for_another() {
        // 14 people of 9 credits do not fit into 100 by one: 11 do, and a page of 1 may stand before them.
        let dear = forecast(20, 100, 9);
        assert_eq!((dear.people, dear.total(), dear.nights), (30, credits(271), Some(3)));
        assert_eq!(forecast(20, 8, 9).nights, None, "nobody could ever be bought");
        assert_eq!(forecast(20, 9, 9).nights, Some(31), "one a night, and a page");
        assert_eq!(forecast(u64::MAX, 9, 9).people, u64::MAX, "nothing overflows");
    }
}
