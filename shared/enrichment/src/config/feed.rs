//! A batch feed of businesses: which column holds what.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Checker;
use super::file::FeedTable;
use crate::person::ProfileField;

/// The calling code of numbers without a country, when the configuration doesn't say.
const CALLING_CODE_DEFAULT: &str = "1";
/// What stands between two values, when the configuration doesn't say.
const DELIMITER_DEFAULT: u8 = b',';
/// The longest calling code.
const CALLING_CODE_DIGITS_MAX: usize = 3;

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
    pub(super) fn feed(&mut self, path: &str, table: FeedTable) -> Option<Feed> {
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
        Some(feed)
    }
}

fn one_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}
