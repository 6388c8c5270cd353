//! A walk through all pages of a search, and how one is split of which the provider doesn't show everything.
//!
//! A search that is split becomes two that are together as wide: by employees, else by place, else by industry. Only the
//! first page of each says how much there is, so that the walk learns as it goes, and each part may be split again.

use serde::{Deserialize, Serialize};

use super::Icp;
use crate::provider::prospecting::{AccountFilter, EmployeeRange};

/// Where a walk stands. It is stored between pages, and goes by the search that it was begun for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// The parts that are left, the present one last.
    parts: Vec<Part>,
    /// The next page of the present one.
    page: u16,
    /// Into how many searches it has been split by now.
    pub searches: u32,
    /// How many results can't be reached: what they are in can't be split any further.
    pub unreachable: u64,
}

/// A part of a search: at each split on the way to it, which half it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Part(Vec<u8>);

impl Walk {
    /// Before the first page.
    pub fn begin() -> Self {
        Self { parts: vec![Part::default()], page: 1, searches: 1, unreachable: 0 }
    }

    /// The next page to ask for: of which search, and its number, from 1. `None` at the end.
    pub fn next(&self, icp: &Icp) -> Option<(AccountFilter, u16)> {
        let part = self.parts.last()?;
        Some((part.filter(&icp.accounts), self.page))
    }

    /// Names the next page, for as long as the search is what it is. `None` at the end.
    pub fn name(&self) -> Option<String> {
        let part = self.parts.last()?;
        let halves: String = part.0.iter().map(u8::to_string).collect();
        Some(format!("{halves}.{}", self.page))
    }

    /// The walk after that page has been read, which said that there are `total` results in its search.
    #[must_use]
    pub fn after(mut self, icp: &Icp, total: u64) -> Self {
        let Some(part) = self.parts.last().cloned() else { return self };
        if self.page == 1 && !icp.ceiling.shows(total) {
            if split(&part.filter(&icp.accounts)).is_some() {
                self.parts.pop();
                self.parts.extend([part.half(1), part.half(0)]);
                self.searches += 1;
                return self;
            }
            self.unreachable += total - icp.ceiling.results_max();
        }
        if self.page < icp.ceiling.pages(total) {
            self.page += 1;
        } else {
            self.parts.pop();
            self.page = 1;
        }
        self
    }
}

impl Part {
    fn half(&self, half: u8) -> Self {
        Self(self.0.iter().copied().chain([half]).collect())
    }

    fn filter(&self, whole: &AccountFilter) -> AccountFilter {
        let half_of = |whole: AccountFilter, half: &u8| match split(&whole) {
            Some([first, second]) => {
                if *half == 0 {
                    first
                } else {
                    second
                }
            }
            None => whole,
        };
        self.0.iter().fold(whole.clone(), half_of)
    }
}

/// Two searches that find together what this one finds. `None` if nothing about it can be divided.
///
/// One without employees is not divided by them unless nothing else is left: accounts of an unknown size would be in
/// neither half.
pub fn split(search: &AccountFilter) -> Option<[AccountFilter; 2]> {
    let by_employees = || {
        let [first, second] = halves_of_ranges(&search.employees)?;
        Some([first, second].map(|employees| AccountFilter { employees, ..search.clone() }))
    };
    let by_location = || {
        let halves = halves(&search.locations)?;
        Some(halves.map(|locations| AccountFilter { locations, ..search.clone() }))
    };
    let by_industry = || {
        let halves = halves(&search.industries)?;
        Some(halves.map(|industries| AccountFilter { industries, ..search.clone() }))
    };
    let by_any_employees = || {
        let all = AccountFilter { employees: vec![ANY_EMPLOYEES], ..search.clone() };
        search.employees.is_empty().then(|| split(&all)).flatten()
    };
    by_employees().or_else(by_location).or_else(by_industry).or_else(by_any_employees)
}

/// As many as any account has.
const ANY_EMPLOYEES: EmployeeRange = EmployeeRange { min: 1, max: 10_000_000 };

fn halves(list: &[String]) -> Option<[Vec<String>; 2]> {
    let (first, second) = list.split_at(list.len().div_ceil(2));
    (!second.is_empty()).then(|| [first.to_vec(), second.to_vec()])
}

/// Several ranges are parted; a single one is cut where both halves are as wide in proportion, since there are more small
/// accounts than large ones.
fn halves_of_ranges(ranges: &[EmployeeRange]) -> Option<[Vec<EmployeeRange>; 2]> {
    let [EmployeeRange { min, max }] = ranges else {
        let (first, second) = ranges.split_at(ranges.len().div_ceil(2));
        return (!second.is_empty()).then(|| [first.to_vec(), second.to_vec()]);
    };
    if min >= max {
        return None;
    }
    let middle = (u64::from(*min).max(1) * u64::from(*max)).isqrt();
    let middle = u32::try_from(middle).unwrap_or(*max).clamp(*min, max - 1);
    Some(
        [EmployeeRange { min: *min, max: middle }, EmployeeRange { min: middle + 1, max: *max }].map(|half| vec![half]),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::icp;
    use super::*;

    /// An account, as far as a search goes by it.
    struct Account(u32, &'static str);

    fn finds(search: &AccountFilter, account: &Account) -> bool {
        let employees = |range: &EmployeeRange| (range.min..=range.max).contains(&account.0);
        let is_there = search.locations.is_empty() || search.locations.iter().any(|place| place == account.1);
        is_there && (search.employees.is_empty() || search.employees.iter().any(employees))
    }

    /// Walks to the end, and says how often each account was on a page, and how many pages were read.
    fn walked(icp: &Icp, accounts: &[Account]) -> (Vec<usize>, Walk, usize) {
        let (mut walk, mut seen, mut pages) = (Walk::begin(), vec![0; accounts.len()], 0);
        let mut names = std::collections::BTreeSet::new();
        while let Some((search, page)) = walk.next(icp) {
            assert!(names.insert(walk.name().expect("a page")), "no page comes twice");
            let found: Vec<usize> = (0..accounts.len()).filter(|i| finds(&search, &accounts[*i])).collect();
            let size = usize::from(icp.ceiling.results_per_page);
            for i in found.iter().skip((usize::from(page) - 1) * size).take(size) {
                seen[*i] += 1;
            }
            pages += 1;
            assert!(pages < 10_000, "it ends");
            // As if it were stored between any two pages.
            let stored = serde_json::to_string(&walk.after(icp, found.len() as u64)).expect("JSON");
            walk = serde_json::from_str(&stored).expect("a walk");
        }
        (seen, walk, pages)
    }

    fn accounts(many: u32) -> Vec<Account> {
        (0..many).map(|i| Account(51 + i % 150, if i % 3 == 0 { "Germany" } else { "France" })).collect()
    }

    #[test]
    fn a_search_that_is_shown_whole_is_read_page_by_page() {
        for (many, expected) in [(0, 1), (1, 1), (100, 1), (101, 2), (10_000, 100)] {
            let (seen, walk, pages) = walked(&icp(), &accounts(many));
            assert!(seen.iter().all(|times| *times == 1), "{many}");
            assert_eq!((pages, walk.searches, walk.unreachable), (expected, 1, 0), "{many}");
        }
    }

    #[test]
    fn beyond_the_ceiling_a_search_splits_itself_until_all_is_shown() {
        let accounts = accounts(45_000);
        let (seen, walk, pages) = walked(&icp(), &accounts);
        assert!(seen.iter().all(|times| *times >= 1), "nothing is lost");
        assert_eq!(walk.unreachable, 0);
        assert!(walk.searches >= 5 && pages < 450 + 2 * walk.searches as usize + 8, "{} {pages}", walk.searches);
    }

    #[test]
    fn what_cannot_be_split_any_further_is_read_as_far_as_it_is_shown_and_the_rest_is_counted() {
        let accounts: Vec<Account> = (0..12_345).map(|_| Account(77, "Germany")).collect();
        let (seen, walk, _) = walked(&icp(), &accounts);
        assert_eq!(seen.iter().filter(|times| **times > 0).count(), 10_000);
        assert_eq!(walk.unreachable, 2_345);
    }

    #[test]
    fn employees_are_split_in_proportion_then_places_then_industries() {
        let range = |min, max| EmployeeRange { min, max };
        let said = |ranges: &[EmployeeRange]| {
            halves_of_ranges(ranges).map(|halves| halves.map(|half| half.iter().map(|it| (it.min, it.max)).collect()))
        };
        assert_eq!(said(&[range(1, 10_000)]), Some([vec![(1, 100)], vec![(101, 10_000)]]));
        assert_eq!(said(&[range(0, 1)]), Some([vec![(0, 0)], vec![(1, 1)]]));
        assert_eq!(said(&[range(7, 8)]), Some([vec![(7, 7)], vec![(8, 8)]]));
        assert_eq!((said(&[range(7, 7)]), said(&[])), (None, None));
        let three = [range(1, 10), range(11, 50), range(51, 200)];
        assert_eq!(said(&three), Some([vec![(1, 10), (11, 50)], vec![(51, 200)]]));
        assert_eq!(
            said(&[range(u32::MAX - 1, u32::MAX)]).map(|halves| halves[1].clone()),
            Some(vec![(u32::MAX, u32::MAX)])
        );

        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let places = AccountFilter { locations: words(&["a", "b", "c"]), ..AccountFilter::default() };
        let halves = split(&places).expect("two");
        assert_eq!(halves.map(|half| half.locations), [words(&["a", "b"]), words(&["c"])]);
        let industries = AccountFilter { locations: words(&["a"]), industries: words(&["x", "y"]), ..places };
        assert_eq!(split(&industries).expect("two").map(|half| half.industries), [words(&["x"]), words(&["y"])]);
        let one = AccountFilter { industries: Vec::new(), ..industries };
        let sizes = split(&one).expect("two").map(|half| half.employees);
        assert_eq!(sizes, [vec![range(1, 3162)], vec![range(3163, 10_000_000)]]);
        assert_eq!(split(&AccountFilter { employees: vec![range(5, 5)], ..one }), None);
    }
}
