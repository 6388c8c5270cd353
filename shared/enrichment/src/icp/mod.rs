//! Ideal customer profiles: which accounts a nightly search looks for, which of those found fit, whom to buy there, and for
//! how much a night at most.

pub mod forecast;
pub mod list;
pub mod split;

use crate::credits::Amounts;
use crate::ids::{ProviderName, digest};
use crate::person::{Profile, ProfileField};
use crate::provider::prospecting::{AccountFilter, EmployeeRange, PeopleFilter, SearchCeiling, Seniority};

/// An ideal customer profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icp {
    /// Its name.
    pub name: String,
    /// Who is searched at, and who sells the people.
    pub provider: ProviderName,
    /// How much of one search is shown.
    pub ceiling: SearchCeiling,
    /// What the provider searches accounts by.
    pub accounts: AccountFilter,
    /// What has to hold of an account that was found, before people are looked for there.
    pub fit: Vec<FitRule>,
    /// Job titles of the people who are wanted, or parts of them.
    pub titles: Vec<String>,
    /// How high they are.
    pub seniorities: Vec<Seniority>,
    /// The most people of one account.
    pub people_per_account: u16,
    /// The most that a night's run may cost: what is searched, and all whom it asks for, at their worst.
    pub budget: Amounts,
}

/// What has to hold of one thing that is known of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitRule {
    /// Of what.
    pub field: ProfileField,
    /// What.
    pub test: FitTest,
    /// Whether an account fits of which that isn't known.
    pub unknown_fits: bool,
}

/// What has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FitTest {
    /// It is one of these, in small letters.
    OneOf(Vec<String>),
    /// It is none of these, in small letters.
    NoneOf(Vec<String>),
    /// It is a number within these bounds, both included.
    Between(Option<u64>, Option<u64>),
}

/// Why an account doesn't fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfit {
    /// What is known of this is not what is wanted.
    Differs(ProfileField),
    /// This isn't known.
    Unknown(ProfileField),
}

impl Icp {
    /// Whether an account fits, by what the search tells of it. The first rule that doesn't hold is the reason.
    pub fn fits(&self, account: &Profile) -> Result<(), Misfit> {
        self.fit.iter().try_for_each(|rule| rule.holds(account.get(rule.field)))
    }

    /// Who is looked for at the account of this domain.
    pub fn people_at(&self, domain: &str) -> PeopleFilter {
        PeopleFilter {
            domains: vec![domain.to_owned()],
            titles: self.titles.clone(),
            seniorities: self.seniorities.clone(),
        }
    }

    /// Tells its search from what it was before somebody changed it: where a search stood says nothing of another one.
    pub fn search_version(&self) -> String {
        let AccountFilter { employees, locations, locations_excluded, industries } = &self.accounts;
        let employees: Vec<String> = employees.iter().map(EmployeeRange::to_string).collect();
        let lists = [&employees, locations, locations_excluded, industries].map(|list| list.join("\n"));
        let ceiling = format!("{}x{}", self.ceiling.results_per_page, self.ceiling.pages_max);
        digest(&[self.provider.as_str(), &ceiling, &lists[0], &lists[1], &lists[2], &lists[3]])
    }
}

impl FitRule {
    fn holds(&self, value: Option<&str>) -> Result<(), Misfit> {
        let unknown = || if self.unknown_fits { Ok(()) } else { Err(Misfit::Unknown(self.field)) };
        let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else { return unknown() };
        let is_wanted = match &self.test {
            FitTest::OneOf(words) => words.contains(&value.to_lowercase()),
            FitTest::NoneOf(words) => !words.contains(&value.to_lowercase()),
            FitTest::Between(least, most) => {
                let Ok(number) = value.parse::<u64>() else { return unknown() };
                least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
            }
        };
        if is_wanted { Ok(()) } else { Err(Misfit::Differs(self.field)) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One that looks for 51 to 200 employees in two countries.
    pub(crate) fn icp() -> Icp {
        Icp {
            name: "saas".to_owned(),
            provider: ProviderName::known("data"),
            ceiling: SearchCeiling { results_per_page: 100, pages_max: 100 },
            accounts: AccountFilter {
                employees: vec![EmployeeRange { min: 51, max: 200 }],
                locations: vec!["Germany".to_owned(), "France".to_owned()],
                locations_excluded: Vec::new(),
                industries: Vec::new(),
            },
            fit: Vec::new(),
            titles: vec!["sales".to_owned()],
            seniorities: Vec::new(),
            people_per_account: 3,
            budget: Amounts::default(),
        }
    }

    fn rule(field: ProfileField, test: FitTest) -> FitRule {
        FitRule { field, test, unknown_fits: false }
    }

    #[test]
    fn an_account_fits_if_all_that_is_asked_is_known_and_holds() {
        use ProfileField::{CompanyEmployees, CompanyIndustry};
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let size = rule(CompanyEmployees, FitTest::Between(Some(50), Some(200)));
        let trade = rule(CompanyIndustry, FitTest::OneOf(words(&["software"])));
        let icp = Icp { fit: vec![size.clone(), trade], ..icp() };
        let account = |employees: Option<&str>, industry: Option<&str>| {
            let mut account = Profile::default();
            account.set(CompanyEmployees, employees);
            account.set(CompanyIndustry, industry);
            account
        };
        for employees in ["50", "200"] {
            assert_eq!(icp.fits(&account(Some(employees), Some(" Software "))), Ok(()), "{employees}");
        }
        for employees in ["49", "201"] {
            let misfit = Misfit::Differs(CompanyEmployees);
            assert_eq!(icp.fits(&account(Some(employees), Some("software"))), Err(misfit), "{employees}");
        }
        assert_eq!(icp.fits(&account(Some("77"), Some("retail"))), Err(Misfit::Differs(CompanyIndustry)));
        assert_eq!(icp.fits(&account(Some("77"), None)), Err(Misfit::Unknown(CompanyIndustry)));
        assert_eq!(icp.fits(&account(None, Some("software"))), Err(Misfit::Unknown(CompanyEmployees)));

        let not_retail = rule(CompanyIndustry, FitTest::NoneOf(words(&["retail"])));
        let lenient = [size, not_retail].map(|rule| FitRule { unknown_fits: true, ..rule });
        let icp = Icp { fit: lenient.to_vec(), ..icp };
        assert_eq!(icp.fits(&account(None, None)), Ok(()));
        assert_eq!(icp.fits(&account(None, Some("Retail"))), Err(Misfit::Differs(CompanyIndustry)));
        assert_eq!(icp.fits(&account(Some("20"), None)), Err(Misfit::Differs(CompanyEmployees)));
    }

    #[test]
    fn another_search_has_another_version_and_another_budget_has_not() {
        let (one, version) = (icp(), icp().search_version());
        let with = |accounts: AccountFilter| Icp { accounts, ..one.clone() }.search_version();
        let accounts = &one.accounts;
        let swapped = AccountFilter {
            locations: accounts.industries.clone(),
            industries: accounts.locations.clone(),
            ..accounts.clone()
        };
        let more = AccountFilter { employees: Vec::new(), ..accounts.clone() };
        for other in [with(swapped), with(more)] {
            assert_ne!(other, version);
        }
        let other = Icp { people_per_account: 9, titles: Vec::new(), ..one.clone() };
        assert_eq!(other.search_version(), version, "whom to buy there is another matter");
    }
}
