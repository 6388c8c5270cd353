//! A batch feed of businesses: which column holds what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::check::Checker;
use super::file::FeedTable;
use super::waterfall::OnBlocked;
use super::{ProviderConnection, Tenant};
use crate::clock::{days, later};
use crate::fingerprint::Fingerprint;
use crate::ids::ProviderName;
use crate::lead::record::{AskedOf, Record, Said};
use crate::lead::windows::Windows;
use crate::person::ProfileField;

/// The calling code of numbers without a country, when the configuration doesn't say.
const CALLING_CODE_DEFAULT: &str = "1";
/// What stands between two values, when the configuration doesn't say.
const DELIMITER_DEFAULT: u8 = b',';
/// The longest calling code.
const CALLING_CODE_DIGITS_MAX: usize = 3;
/// How often batches come, when the configuration doesn't say.
const EVERY_DAYS_DEFAULT: u32 = 7;

/// How a feed is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// What stands between two values: one byte.
    pub delimiter: u8,
    /// The country that numbers without one belong to: 1 to 3 digits.
    pub calling_code: String,
    /// What is read, and under which header it stands. With them, a business can be told from another.
    pub columns: BTreeMap<Column, String>,
}

/// What becomes of leads that a feed doesn't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedPolicy {
    /// Whether they wait for the next batch, once, or go on to the next provider.
    pub on_miss: OnBlocked,
    /// How often batches come: the longest that a lead waits for one.
    pub every: Duration,
}

impl FeedPolicy {
    /// Of a tenant without a feed.
    pub(super) const NONE: Self = Self { on_miss: OnBlocked::Skip, every: days(EVERY_DAYS_DEFAULT) };
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// The feed's own id of a business, which stays the same from one drop to the next.
    BusinessId,
    /// The number of its licence.
    LicenceNumber,
    /// The state or the board that gave the licence: it stands before the number.
    LicenceState,
    /// The postal code of its place.
    PostalCode,
    /// What is told of it, or of who runs it.
    Profile(ProfileField),
}

/// The words of columns that are no words of a profile.
const OWN_WORDS: [(&str, Column); 4] = [
    ("business_id", Column::BusinessId),
    ("licence_number", Column::LicenceNumber),
    ("licence_state", Column::LicenceState),
    ("postal_code", Column::PostalCode),
];

impl Column {
    /// The column of this word.
    pub fn named(word: &str) -> Option<Self> {
        let own = OWN_WORDS.iter().find(|(own, _)| *own == word).map(|(_, column)| *column);
        own.or_else(|| word.parse().ok().map(Self::Profile))
    }

    /// The word used in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Profile(field) => field.word(),
            own => OWN_WORDS.iter().find(|(_, column)| *column == own).map_or("", |(word, _)| word),
        }
    }
}

impl Feed {
    /// Whether a row can have anything that a business is told by.
    fn tells_businesses_apart(&self) -> bool {
        use ProfileField::{CompanyDomain, CompanyName, CompanyPhone, CompanyWebsite};
        let has = |column: Column| self.columns.contains_key(&column);
        let alone = [CompanyDomain, CompanyPhone, CompanyWebsite].map(Column::Profile);
        alone.into_iter().chain([Column::LicenceNumber]).any(has)
            || (has(Column::Profile(CompanyName)) && has(Column::PostalCode))
    }
}

impl Checker<'_> {
    /// What was delivered costs nothing to look up: only of a provider that delivers in batches is there no plan.
    pub(super) fn has_plan(&mut self, path: &str, kind: &str, has_plan: bool) {
        if !self.is_sound(&format!("{path}.kind")) {
            return;
        }
        let is_free = self.vendors.provider(kind).is_some_and(|vendor| vendor.delivers_in_batches());
        match (is_free, has_plan) {
            (true, true) => {
                let remedy = "Take it out: what was delivered costs nothing to look up.";
                self.problem(&format!("{path}.plan"), "a plan", "none", remedy);
            }
            (false, false) => {
                let remedy = format!("Add what was bought of {kind}.");
                self.problem(&format!("{path}.plan"), "nothing", "a plan", remedy);
            }
            _ => {}
        }
    }

    /// A provider that delivers in batches stands beside one that is called, and what it delivers can be read.
    pub(super) fn in_batches(&mut self, path: &str, feed: Option<&Feed>, providers: &[&ProviderConnection]) {
        let in_batches = providers.iter().position(|provider| provider.vendor.delivers_in_batches());
        let Some((place, name)) = in_batches.map(|place| (place, providers[place].vendor.name)) else { return };
        if place == 0 {
            let found = format!("{name}, which delivers in batches");
            let remedy = "Name a provider that is called, and this one in `fallbacks`. Who is asked first is said by \
                          `waterfall.order`.";
            self.problem(&format!("{path}.provider.kind"), found, "a provider that is called", remedy);
        }
        if feed.is_none() {
            let found = format!("nothing, and {name} delivers in batches");
            self.problem(&format!("{path}.feed"), found, "the table that says how they are written", "Add it.");
        }
    }

    pub(super) fn feed(&mut self, path: &str, table: FeedTable) -> Option<(Feed, FeedPolicy)> {
        let policy = FeedPolicy { on_miss: table.on_miss, every: days(table.every_days.unwrap_or(EVERY_DAYS_DEFAULT)) };
        let mut columns = BTreeMap::new();
        for (word, header) in table.columns {
            let path = format!("{path}.columns.{word}");
            let Some(column) = Column::named(&word) else {
                let own = OWN_WORDS.map(|(word, _)| word).join(", ");
                let expected = format!("{own}, or what may stand in a field's `from`, such as \"company_phone\"");
                self.problem(&path, format!("{word:?}"), expected, "Write one of these words, or take it out.");
                continue;
            };
            if header.trim().is_empty() {
                self.problem(&path, "nothing", "the header of a column", "Write it as it stands in the file.");
            }
            columns.insert(column, header.trim().to_owned());
        }
        let delimiter = table.delimiter.as_deref().map_or(Some(DELIMITER_DEFAULT), one_byte);
        let delimiter = delimiter.unwrap_or_else(|| {
            let (found, remedy) =
                (format!("{:?}", table.delimiter.unwrap_or_default()), "Write \"\\t\" for a tabulator.");
            self.problem(&format!("{path}.delimiter"), found, "one character of ASCII, such as \";\"", remedy);
            DELIMITER_DEFAULT
        });
        let calling_code = table.calling_code.unwrap_or_else(|| CALLING_CODE_DEFAULT.to_owned());
        let is_code = (1..=CALLING_CODE_DIGITS_MAX).contains(&calling_code.len())
            && calling_code.bytes().all(|byte| byte.is_ascii_digit());
        if !is_code || calling_code.starts_with('0') {
            let expected = "the digits of a country's calling code, such as \"1\" or \"44\"";
            self.problem(
                &format!("{path}.calling_code"),
                format!("{calling_code:?}"),
                expected,
                "Write the digits alone.",
            );
        }
        let feed = Feed { delimiter, calling_code, columns };
        if !feed.tells_businesses_apart() {
            let expected = "what a business is told by: licence_number, company_phone, company_domain, company_website, \
                            or both company_name and postal_code";
            let said: BTreeSet<&str> = feed.columns.keys().map(|column| column.word()).collect();
            let found = said.into_iter().collect::<Vec<_>>().join(", ");
            let found = if found.is_empty() { "nothing".to_owned() } else { format!("only {found}") };
            self.problem(&format!("{path}.columns"), found, expected, "Say which column holds one of them.");
        }
        Some((feed, policy))
    }
}

impl Tenant {
    /// The provider that delivers in batches.
    pub fn feed_provider(&self) -> Option<&ProviderConnection> {
        self.providers().find(|provider| provider.vendor.delivers_in_batches())
    }

    /// Whether leads may wait for the next batch.
    pub fn waits_for_batches(&self) -> bool {
        self.feed_policy.on_miss == OnBlocked::Wait && self.feed_provider().is_some()
    }

    fn is_of_feed(&self, name: &ProviderName) -> bool {
        self.provider_named(name.as_str()).is_some_and(|provider| provider.vendor.delivers_in_batches())
    }

    /// What was asked about this person and still holds. That the feed doesn't know them holds until the next batch, of which
    /// the last one came at `delivered_at`; and it says nothing while that is waited for, so that nobody else is asked.
    pub fn asked_about<'r>(
        &self,
        record: &'r Record,
        person: &Fingerprint,
        delivered_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<&'r AskedOf> {
        let is_waiting = self.waits_for_a_batch(record, person, delivered_at, now).is_some();
        let is_over = |asked: &AskedOf| is_waiting || delivered_at.is_some_and(|at| asked.at < at);
        let mut asked = record.asked_about(person, self.windows, now);
        asked.retain(|asked| asked.said != Said::Miss || !self.is_of_feed(&asked.provider) || !is_over(asked));
        asked
    }

    /// Until when a record that the feed doesn't know waits for the next batch. None waits of whom anything is known, and none
    /// waits twice: one that the next batch doesn't know either goes on.
    pub fn waits_for_a_batch(
        &self,
        record: &Record,
        person: &Fingerprint,
        delivered_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let is_known = record.is_known_by_one(person) || !record.patch.is_empty() || record.owed.is_some();
        if !self.waits_for_batches() || is_known || record.awaited.is_some() {
            return None;
        }
        let progress = record.progress.iter().filter(|progress| progress.about == *person);
        let of_feed = progress.flat_map(|progress| &progress.asked).filter(|asked| self.is_of_feed(&asked.provider));
        let since = of_feed.map(|asked| asked.at).min().unwrap_or(now);
        let until = later(since, self.feed_policy.every);
        (now < until && delivered_at.is_none_or(|at| at <= since)).then_some(until)
    }

    /// How long the door remembers things. It doesn't know when a batch came: that nobody knows a person, it remembers no longer
    /// than until the next one should have.
    pub fn windows_at_the_door(&self) -> Windows {
        let every = self.feed_provider().map_or(self.windows.miss, |_| self.feed_policy.every);
        Windows { miss: self.windows.miss.min(every), ..self.windows }
    }
}

fn one_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}
