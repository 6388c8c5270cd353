//! What a provider charges, as configuration with dates: published price lists disagree and change.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::clock::{days, later};
use crate::credits::{Amounts, Milli};
use crate::ids::ProviderName;
use crate::person::{Identity, Profile, ProfileField};

/// Something that a provider may charge for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    /// Looking a person up by what we know of them.
    Match,
    /// Looking an organization up.
    EnrichOrganization,
    /// Searching organizations.
    SearchOrganizations,
    /// Searching people.
    SearchPeople,
    /// Checking whether an address works.
    Verify,
    /// Taking a record out of the provider's own application.
    Export,
}

/// What the price is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum PricedField {
    /// A person at all: name, job, company.
    Person,
    /// A person's work e-mail, beside the person.
    Email,
    /// A person's mobile number: once, however many there are.
    Mobile,
    /// A person's work e-mail, from other sources that the provider asks. Providers call that a waterfall, and so do what is
    /// stored and what is configured.
    #[serde(rename = "waterfall-email")]
    #[strum(serialize = "waterfall-email")]
    EmailOfOthers,
    /// A person's mobile number, likewise.
    #[serde(rename = "waterfall-mobile")]
    #[strum(serialize = "waterfall-mobile")]
    MobileOfOthers,
    /// A person, by a provider that finds out minutes later who it is.
    PersonLater,
    /// An organization.
    Organization,
    /// A page of results.
    Page,
    /// A record.
    Record,
}

impl PricedField {
    /// The word used in configuration.
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// When the charge falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ChargeOn {
    /// For asking, whatever the answer.
    Lookup,
    /// Only when the provider knows what was asked for.
    Match,
    /// Only when it returns a verified e-mail.
    Verified,
    /// Only when it returns a verified e-mail that it wasn't asked with: no one pays for an address they had.
    VerifiedNetNew,
    /// Only when it returns an e-mail that it wasn't asked with, verified or not.
    NetNew,
}

/// What is charged for something that was bought for the same record before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Repeat {
    /// The same again: providers' APIs do charge again, whatever their plans say.
    #[default]
    Charged,
    /// Nothing.
    Free,
    /// Nothing within a year from when it was charged for.
    FreeForAYear,
}

/// For how long [`Repeat::FreeForAYear`] is gone by: a day less, since the call comes after what it may cost was reckoned, and the
/// provider's year began after ours.
const YEAR: Duration = days(364);

impl Repeat {
    fn is_charged(&self) -> bool {
        *self == Self::Charged
    }
}

/// What is charged for one thing, and when: a row of a price list without its name and dates. Stored with the hold of an
/// asynchronous purchase, because the configuration may have changed by the time the result arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// To get what.
    pub field: PricedField,
    /// When it falls due.
    pub charge_on: ChargeOn,
    /// For a person that was bought before for the same record.
    #[serde(default, skip_serializing_if = "Repeat::is_charged")]
    pub repeat: Repeat,
    /// How much.
    pub cost: Amounts,
}

/// One row of a price list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Names the price list the row came from. Stored with each hold.
    pub version: String,
    /// Whose price.
    pub provider: ProviderName,
    /// For doing what.
    pub action: Action,
    /// To get what.
    pub field: PricedField,
    /// The first instant it applies.
    pub from: Timestamp,
    /// When it falls due.
    pub charge_on: ChargeOn,
    /// For a record that it was bought for before.
    pub repeat: Repeat,
    /// How much.
    pub cost: Amounts,
}

/// What comes back at once when a person is looked up, and is therefore bought together.
pub const PERSON: [PricedField; 2] = [PricedField::Person, PricedField::Email];
/// What arrives minutes later, and is therefore a purchase of its own although it is asked for in the same call.
pub const LATER: [PricedField; 4] =
    [PricedField::Mobile, PricedField::EmailOfOthers, PricedField::MobileOfOthers, PricedField::PersonLater];

/// The prices of one purchase: for each thing that it may get, the row in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tariff {
    version: String,
    rows: Vec<Terms>,
}

impl Tariff {
    /// The rows in force at `now` for doing `action` to get `fields`: of each, the latest. `None` when nothing has a
    /// price, which is not the same as being free.
    pub fn at(
        prices: &[Price],
        provider: &ProviderName,
        action: Action,
        fields: &[PricedField],
        now: Timestamp,
    ) -> Option<Self> {
        let applies = |price: &&Price| price.provider == *provider && price.action == action && price.from <= now;
        let row = |field: &PricedField| {
            prices.iter().filter(applies).filter(|price| price.field == *field).max_by_key(|price| price.from).cloned()
        };
        let rows: Vec<Price> = fields.iter().filter_map(row).collect();
        let mut versions: Vec<&str> = rows.iter().map(|row| row.version.as_str()).collect();
        versions.dedup();
        let version = versions.join(" + ");
        let terms =
            |row: Price| Terms { field: row.field, charge_on: row.charge_on, repeat: row.repeat, cost: row.cost };
        Self::stored(&version, rows.into_iter().map(terms).collect())
    }

    /// The prices that were stored under this name. `None` when there are none.
    pub fn stored(version: &str, rows: Vec<Terms>) -> Option<Self> {
        (!rows.is_empty()).then(|| Self { version: version.to_owned(), rows })
    }

    /// What is asked for at no price: all that is paid for arrives later, by the price list of this name.
    pub fn nothing(version: String) -> Self {
        Self { version, rows: Vec::new() }
    }

    /// Names the price lists in it.
    pub fn version(&self) -> String {
        self.version.clone()
    }

    /// What is charged for each thing.
    pub fn terms(&self) -> &[Terms] {
        &self.rows
    }

    /// Whether what was charged for at `charged_at` is a repeat still. Whether it is of the same person is another matter.
    pub fn is_repeat(&self, charged_at: Option<Timestamp>, now: Timestamp) -> bool {
        !self.remembers_when() || charged_at.is_some_and(|at| now < later(at, YEAR))
    }

    /// Whether it matters when something was charged for.
    pub fn remembers_when(&self) -> bool {
        self.rows.iter().any(|row| row.repeat == Repeat::FreeForAYear)
    }

    /// The most that one person can cost.
    pub fn worst(&self) -> Amounts {
        self.worst_of(false)
    }

    /// The most that one person can cost; `repeated` says that they were bought before.
    pub fn worst_of(&self, repeated: bool) -> Amounts {
        self.rows.iter().filter(|row| row.counts(repeated)).map(|row| &row.cost).sum()
    }

    /// What an answer costs: `None` for a person the provider doesn't know.
    pub fn of(&self, asked: &Identity, repeated: bool, profile: Option<&Profile>) -> Amounts {
        let due = |row: &&Terms| row.counts(repeated) && row.is_due(asked, profile);
        self.rows.iter().filter(due).map(|row| &row.cost).sum()
    }

    /// What a provider's own figure for a whole call stands for: credits of the one kind that everything here is in.
    /// `None` when there are several kinds, since it doesn't say which.
    pub fn reported(&self, reported: Milli) -> Option<Amounts> {
        let worst = self.worst();
        let mut buckets = worst.iter().map(|(bucket, _)| bucket);
        match (buckets.next(), buckets.next()) {
            (Some(bucket), None) => Some(Amounts::one(bucket.clone(), reported)),
            _ => None,
        }
    }
}

impl Terms {
    fn counts(&self, repeated: bool) -> bool {
        !repeated || self.repeat == Repeat::Charged
    }

    fn is_due(&self, asked: &Identity, profile: Option<&Profile>) -> bool {
        let Some(profile) = profile.filter(|profile| self.is_in(profile)) else {
            return self.charge_on == ChargeOn::Lookup;
        };
        match self.charge_on {
            ChargeOn::Lookup | ChargeOn::Match => true,
            ChargeOn::Verified => profile.has_verified_email(),
            ChargeOn::NetNew => {
                profile.get(ProfileField::Email).is_some() && !profile.has_email(asked.email.as_deref())
            }
            ChargeOn::VerifiedNetNew => profile.has_verified_email() && !profile.has_email(asked.email.as_deref()),
        }
    }

    /// Whether the answer holds what the price is for. A person that is known is in it, whatever is known of them.
    fn is_in(&self, profile: &Profile) -> bool {
        match self.field {
            PricedField::Mobile | PricedField::MobileOfOthers => profile.get(ProfileField::MobilePhone).is_some(),
            PricedField::Email | PricedField::EmailOfOthers => profile.get(ProfileField::Email).is_some(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::Bucket;

    fn row(field: PricedField, from: i64, charge_on: ChargeOn, bucket: &str) -> Price {
        Price {
            version: format!("from {from}"),
            provider: ProviderName::known("data"),
            action: Action::Match,
            field,
            from: Timestamp::from_second(from).expect("in range"),
            charge_on,
            repeat: Repeat::Charged,
            cost: Amounts::one(Bucket::new(bucket), Milli::credits(1)),
        }
    }

    fn tariff(prices: &[Price], now: i64) -> Option<Tariff> {
        let now = Timestamp::from_second(now).expect("in range");
        Tariff::at(prices, &ProviderName::known("data"), Action::Match, &PERSON, now)
    }

    #[test]
    fn of_each_field_the_latest_row_in_force_counts() {
        let prices = [
            row(PricedField::Person, 10, ChargeOn::Match, "old"),
            row(PricedField::Person, 20, ChargeOn::Match, "new"),
            row(PricedField::Email, 10, ChargeOn::Verified, "email"),
            row(PricedField::Mobile, 10, ChargeOn::Match, "mobile"),
        ];
        assert_eq!(tariff(&prices, 9), None);
        assert_eq!(tariff(&prices, 19).expect("in force").worst().to_string(), "1 email, 1 old");
        let late = tariff(&prices, 20).expect("in force");
        assert_eq!(
            (late.worst().to_string().as_str(), late.version().as_str()),
            ("1 email, 1 new", "from 20 + from 10")
        );
        assert_eq!(late.reported(Milli::credits(3)), None, "credits of which kind?");
    }

    #[test]
    fn what_falls_due_depends_on_the_answer() {
        let asked = Identity { email: Some("ada@engine.example".into()), ..Identity::default() };
        let mut profile = Profile::default();
        profile.set(ProfileField::Email, Some("ADA@engine.example"));
        profile.set(ProfileField::EmailStatus, Some("verified"));
        let due = |charge_on, asked: &Identity, profile| {
            let tariff = tariff(&[row(PricedField::Person, 0, charge_on, "credits")], 1).expect("in force");
            !tariff.of(asked, false, profile).is_zero()
        };
        assert!(due(ChargeOn::Lookup, &asked, None) && !due(ChargeOn::Match, &asked, None));
        assert!(due(ChargeOn::Verified, &asked, Some(&profile)));
        assert!(!due(ChargeOn::VerifiedNetNew, &asked, Some(&profile)), "it is the address we asked with");
        assert!(due(ChargeOn::VerifiedNetNew, &Identity::default(), Some(&profile)));
        let (mut guessed, none) = (Profile::default(), Profile::default());
        guessed.set(ProfileField::Email, Some("ada@engine.example"));
        assert!(!due(ChargeOn::Verified, &asked, Some(&none)));
        assert!(due(ChargeOn::NetNew, &Identity::default(), Some(&guessed)), "however sure it is of it");
        assert!(!due(ChargeOn::NetNew, &asked, Some(&guessed)), "it is the address we asked with");
        assert!(!due(ChargeOn::NetNew, &Identity::default(), Some(&none)), "there is none");
    }

    #[test]
    fn what_is_free_to_repeat_is_neither_held_nor_due_again() {
        let free = Price { repeat: Repeat::Free, ..row(PricedField::Person, 0, ChargeOn::Match, "person") };
        let tariff = tariff(&[free, row(PricedField::Email, 0, ChargeOn::Match, "email")], 1).expect("in force");
        assert_eq!(tariff.worst_of(false).to_string(), "1 email, 1 person");
        assert_eq!(tariff.worst_of(true).to_string(), "1 email");
        let mut profile = Profile::default();
        let of = |repeated, profile: &Profile| tariff.of(&Identity::default(), repeated, Some(profile)).to_string();
        assert_eq!(of(false, &profile), "1 person", "no address has come back");
        profile.set(ProfileField::Email, Some("ada@engine.example"));
        assert_eq!(of(false, &profile), "1 email, 1 person");
        assert_eq!(of(true, &profile), "1 email");
    }

    #[test]
    fn what_is_free_for_a_year_is_free_from_when_it_was_charged_for() {
        let at = |day: u32| later(Timestamp::UNIX_EPOCH, days(day));
        let of = |repeat| {
            let price = Price { repeat, ..row(PricedField::Person, 0, ChargeOn::Match, "person") };
            tariff(&[price], 1).expect("in force")
        };
        let for_a_year = of(Repeat::FreeForAYear);
        for (charged_at, now, is_repeat) in
            [(Some(at(10)), 11, true), (Some(at(10)), 373, true), (Some(at(10)), 374, false), (None, 11, false)]
        {
            assert_eq!(for_a_year.is_repeat(charged_at, at(now)), is_repeat, "{now}");
        }
        assert_eq!((for_a_year.worst_of(true).is_zero(), for_a_year.worst_of(false).is_zero()), (true, false));
        assert!(of(Repeat::Free).is_repeat(None, at(9999)) && of(Repeat::Charged).is_repeat(None, at(9999)));
    }
}
