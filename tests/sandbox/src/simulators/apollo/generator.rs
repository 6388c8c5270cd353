//! People made up from what they are asked for with: the same question always has the same answer, so that a world of
//! many contacts needs no set-up.

use sha2::{Digest, Sha256};

use super::ApolloSetup;
use super::organizations::Organization;
use super::people::{Asked, DoNotCall, EmailStatus, Mobile, Person, object_id, text};

/// Titles, with the seniority and the department that go with them.
const TITLES: [(&str, &str, &str); 10] = [
    ("Chief Executive Officer", "c_suite", "c_suite"),
    ("Vice President of Sales", "vp", "master_sales"),
    ("Head of Revenue Operations", "head", "master_operations"),
    ("Director of Marketing", "director", "master_marketing"),
    ("Engineering Manager", "manager", "master_engineering_technical"),
    ("Senior Software Engineer", "senior", "master_engineering_technical"),
    ("Account Executive", "entry", "master_sales"),
    ("Sales Development Representative", "entry", "master_sales"),
    ("Financial Controller", "manager", "master_finance"),
    ("Founder", "founder", "c_suite"),
];

/// Where people are.
const PLACES: [(&str, &str, &str); 8] = [
    ("San Francisco", "California", "United States"),
    ("New York", "New York", "United States"),
    ("Austin", "Texas", "United States"),
    ("Toronto", "Ontario", "Canada"),
    ("London", "England", "United Kingdom"),
    ("Berlin", "Berlin", "Germany"),
    ("Paris", "Ile-de-France", "France"),
    ("Bengaluru", "Karnataka", "India"),
];

const INDUSTRIES: [&str; 8] = [
    "information technology & services",
    "computer software",
    "financial services",
    "marketing & advertising",
    "hospital & health care",
    "logistics & supply chain",
    "machinery",
    "retail",
];

const EMPLOYEES: [u32; 8] = [4, 11, 38, 120, 260, 900, 4_200, 18_000];

/// Names for people whose address doesn't tell.
const FIRST_NAMES: [&str; 8] = ["Alex", "Chris", "Dana", "Jamie", "Kim", "Morgan", "Robin", "Sam"];
const LAST_NAMES: [&str; 8] = ["Becker", "Costa", "Haddad", "Jensen", "Novak", "Okafor", "Silva", "Tanaka"];

/// Employers for people of whom only a LinkedIn profile is known.
const EMPLOYERS: [&str; 5] =
    ["contoso.example", "fabrikam.example", "globex.example", "initech.example", "northwind.example"];

/// How many of those who work at an organization can be found by looking for them.
const COLLEAGUES: usize = 3;

/// Makes people up.
#[derive(Debug, Clone, Copy)]
pub struct Generator {
    /// Other seeds make up other people.
    pub seed: u64,
    /// Which share of them is unknown all the same, `0.0..=1.0`.
    pub unknown_share: f64,
    /// Which share of them has a guessed address, `0.0..=1.0`.
    pub extrapolated_share: f64,
    /// Which share of them has a mobile number, `0.0..=1.0`.
    pub mobile_share: f64,
    /// Which share of those numbers is on a do-not-call register, `0.0..=1.0`.
    pub do_not_call_share: f64,
}

/// Which share of the guessed addresses other sources can confirm.
const CONFIRMED_SHARE: f64 = 0.5;

/// Which share of people has a desk with a telephone on it.
const DIRECT_PHONE_SHARE: f64 = 0.3;

/// Which share of mobile numbers was checked.
const VALID_SHARE: f64 = 0.9;

impl Generator {
    /// The people of a team that is set up so.
    pub fn of(setup: &ApolloSetup) -> Self {
        Self {
            seed: setup.seed,
            unknown_share: setup.unknown_share,
            extrapolated_share: setup.extrapolated_share,
            mobile_share: setup.mobile_share,
            do_not_call_share: setup.do_not_call_share,
        }
    }

    /// Whoever is asked for; nobody when the question doesn't tell, or when it is one of the unknown. An address and
    /// `first.last@` of the same domain come to the same person.
    pub fn person(&self, asked: &Asked) -> Option<Person> {
        let email = address(asked)?;
        let (local, domain) = email.split_once('@')?;
        let dice = Dice::of(self.seed, &email);
        if dice.share(0) < self.unknown_share {
            return None;
        }
        let (first_name, last_name) = asked
            .full_name()
            .map(|(first, last)| (first.to_owned(), last.to_owned()))
            .unwrap_or_else(|| names(local, &dice));
        let organization = self.employer(domain, text(&asked.organization_name));
        let (title, seniority, department) = *dice.pick(1, &TITLES);
        let (city, state, country) = *dice.pick(2, &PLACES);
        let is_guessed = dice.share(3) < self.extrapolated_share;
        let is_confirmed = is_guessed && dice.share(6) < CONFIRMED_SHARE;
        let has_desk = dice.share(11) < DIRECT_PHONE_SHARE;
        Some(Person {
            id: object_id("person", &email),
            title: title.to_owned(),
            headline: format!("{title} at {}", organization.name),
            seniority: seniority.to_owned(),
            departments: vec![department.to_owned()],
            linkedin_url: format!("http://www.linkedin.com/in/{}", slug(&format!("{first_name} {last_name}"))),
            first_name,
            last_name,
            email_status: if is_guessed { EmailStatus::Extrapolated } else { EmailStatus::Verified },
            other_email: is_confirmed.then(|| email.clone()),
            mobile: self.mobile(&dice),
            direct_phone: has_desk.then(|| format!("+1555013{:04}", dice.number(12) % 10_000)),
            city: city.to_owned(),
            state: state.to_owned(),
            country: country.to_owned(),
            organization: Some(organization),
            email: Some(email),
        })
    }

    fn mobile(&self, dice: &Dice) -> Option<Mobile> {
        let do_not_call = match dice.share(9) {
            share if share < self.do_not_call_share => DoNotCall::Listed,
            // Whether it was looked up at all is a toss of the last bit.
            _ if dice.number(9).is_multiple_of(2) => DoNotCall::NotListed,
            _ => DoNotCall::Unknown,
        };
        let number = format!("+1555{:03}{:04}", 200 + dice.number(7) % 700, dice.number(8) % 10_000);
        let mobile = Mobile { number, is_valid: dice.share(10) < VALID_SHARE, do_not_call };
        (dice.share(13) < self.mobile_share).then_some(mobile)
    }

    /// The organization that has this domain; none when it is one of the unknown.
    pub fn organization(&self, domain: &str) -> Option<Organization> {
        let is_known = Dice::of(self.seed, domain).share(15) >= self.unknown_share;
        (is_known && domain.contains('.')).then(|| self.employer(domain, None))
    }

    /// Organizations to be found by those who look for some.
    pub(super) fn organizations(&self, count: u32) -> impl Iterator<Item = Organization> {
        let domain = |n: u32| {
            let (first, second) = (LAST_NAMES[n as usize % 8], FIRST_NAMES[(n as usize / 8) % 8]);
            format!("{}-{}-{n}.example", first.to_lowercase(), second.to_lowercase())
        };
        (0..count).filter_map(move |n| self.organization(&domain(n)))
    }

    /// Addresses of those who work at an organization, for those who look for some.
    pub(super) fn colleagues(domain: &str) -> impl Iterator<Item = String> {
        let dice = Dice::of(0, domain);
        let name = move |n: usize| {
            let (first, last) = (dice.pick(2 * n, &FIRST_NAMES), dice.pick(2 * n + 1, &LAST_NAMES));
            format!("{}.{}", first.to_lowercase(), last.to_lowercase())
        };
        (0..COLLEAGUES).map(move |n| format!("{}@{domain}", name(n)))
    }

    fn employer(&self, domain: &str, name: Option<&str>) -> Organization {
        let dice = Dice::of(self.seed, domain);
        let (city, state, country) = *dice.pick(0, &PLACES);
        let own_name = || capitalized(domain.split('.').next().unwrap_or(domain));
        Organization {
            id: object_id("organization", domain),
            name: name.map_or_else(own_name, str::to_owned),
            domain: domain.to_owned(),
            industry: (*dice.pick(1, &INDUSTRIES)).to_owned(),
            employees: *dice.pick(2, &EMPLOYEES),
            phone: format!("+1 555-01{:02}", dice.number(3) % 100),
            founded_year: 1950 + dice.number(4) % 74,
            revenue: u64::from(*dice.pick(2, &EMPLOYEES)) * 150_000,
            funding: u64::from(dice.number(5) % 40) * 1_000_000,
            description: format!("{} works in {}.", own_name(), dice.pick(1, &INDUSTRIES)),
            city: city.to_owned(),
            state: state.to_owned(),
            country: country.to_owned(),
        }
    }
}

/// The address that stands for whoever is asked for.
fn address(asked: &Asked) -> Option<String> {
    if let Some(email) = asked.address() {
        return Some(email);
    }
    if let Some(profile) = asked.profile() {
        let name = profile.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').replace('-', ".");
        let domain = Dice::of(0, &profile).pick(0, &EMPLOYERS).to_owned();
        return Some(format!("{name}@{domain}"));
    }
    let (first, last) = asked.full_name()?;
    let employer = text(&asked.organization_name).map(|name| format!("{}.example", slug(name)));
    let domain = asked.domain().or(employer)?;
    Some(format!("{}.{}@{domain}", slug(first), slug(last)))
}

/// `ada.lovelace` → Ada Lovelace. What the address doesn't tell is made up.
fn names(local: &str, dice: &Dice) -> (String, String) {
    let mut parts = local.split(['.', '_', '-', '+']).map(|part| part.trim_matches(|c: char| !c.is_alphabetic()));
    let mut next = || parts.find(|part| part.len() > 1).map(capitalized);
    let first = next().unwrap_or_else(|| (*dice.pick(4, &FIRST_NAMES)).to_owned());
    let last = next().unwrap_or_else(|| (*dice.pick(5, &LAST_NAMES)).to_owned());
    (first, last)
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `Analytical Engines` → `analytical-engines`.
fn slug(words: &str) -> String {
    let letters = words.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "-");
    letters.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Numbers that depend on nothing but a seed and a name.
pub(in crate::simulators) struct Dice([u8; 32]);

impl Dice {
    pub(in crate::simulators) fn of(seed: u64, name: &str) -> Self {
        Self(Sha256::new().chain_update(seed.to_be_bytes()).chain_update(name).finalize().into())
    }

    /// The `n`th of sixteen numbers.
    fn number(&self, n: usize) -> u16 {
        u16::from_be_bytes([self.0[2 * n], self.0[2 * n + 1]])
    }

    /// In `0.0..1.0`.
    pub(in crate::simulators) fn share(&self, n: usize) -> f64 {
        f64::from(self.number(n)) / 65_536.0
    }

    fn pick<'a, T>(&self, n: usize, of: &'a [T]) -> &'a T {
        &of[usize::from(self.number(n)) % of.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATOR: Generator =
        Generator { seed: 1, unknown_share: 0.06, extrapolated_share: 0.1, mobile_share: 0.6, do_not_call_share: 0.1 };

    #[test]
    fn the_same_person_comes_of_an_address_and_of_a_name_with_a_domain() {
        let some = |value: &str| Some(value.to_owned());
        let by_name = Asked {
            first_name: some("Ada"),
            last_name: some("Lovelace"),
            domain: some("analytical.example"),
            ..Asked::default()
        };
        let by_email = Asked::email("ada.lovelace@analytical.example");
        let everybody = Generator { unknown_share: 0.0, ..GENERATOR };
        let ada = everybody.person(&by_name).expect("is known");
        assert_eq!(everybody.person(&by_email), Some(ada.clone()));
        assert_eq!((ada.first_name.as_str(), ada.last_name.as_str()), ("Ada", "Lovelace"));
        assert_eq!(ada.id.len(), 24);
        assert_eq!(everybody.person(&Asked::default()), None);
    }

    #[test]
    fn the_shares_are_what_they_are_set_to() {
        let people: Vec<Option<Person>> =
            (0..10_000).map(|n| GENERATOR.person(&Asked::email(&format!("lead{n}@example{}.com", n % 97)))).collect();
        let unknown = people.iter().filter(|person| person.is_none()).count();
        assert!((500..700).contains(&unknown), "{unknown}");
        let guessed = people.iter().flatten().filter(|it| it.email_status == EmailStatus::Extrapolated).count();
        assert!((800..1080).contains(&guessed), "{guessed}");
        let mobiles: Vec<Mobile> = people.into_iter().flatten().filter_map(|person| person.mobile).collect();
        assert!((5400..5900).contains(&mobiles.len()), "{}", mobiles.len());
        let listed = mobiles.iter().filter(|mobile| mobile.do_not_call == DoNotCall::Listed).count();
        assert!((500..630).contains(&listed), "{listed}");
    }
}
