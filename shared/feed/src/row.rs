//! One row: the business that it tells of, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::business::{BusinessKey, KeyKind, e164};
use leadgate_enrichment::config::{Column, Feed};
use leadgate_enrichment::person::{Profile, ProfileField};
use sha2::{Digest, Sha256};

use crate::rejects::{Left, Reject};

/// The longest id of a business, in bytes: a key of a table is 2,048 at most.
const ID_BYTES_MAX: usize = 200;

/// What a row tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) keys: BTreeSet<String>,
    /// Which kinds of key there are.
    pub(crate) kinds: BTreeSet<KeyKind>,
    pub(crate) values: BTreeMap<ProfileField, String>,
    pub(crate) fingerprint: String,
}

/// Where each column stands.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    columns: Vec<(Column, usize, String)>,
    /// How many columns a row has.
    width: usize,
    calling_code: String,
}

impl Header {
    /// Finds the columns by their headers. The error says what is wrong with them.
    pub(crate) fn find(feed: &Feed, headers: &csv::ByteRecord) -> Result<Self, String> {
        let names: Vec<String> = headers.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let mut columns = Vec::with_capacity(feed.columns.len());
        for (column, header) in &feed.columns {
            let is_it = |name: &&String| name.eq_ignore_ascii_case(header);
            match (names.iter().position(|name| is_it(&name)), names.iter().filter(is_it).count()) {
                (Some(at), 1) => columns.push((*column, at, names[at].clone())),
                (_, 0) => {
                    let shown: String = names.join(", ").chars().take(HEADERS_CHARS_MAX).collect();
                    return Err(format!("no column is headed {header:?}, for {}; there are: {shown}", column.word()));
                }
                _ => return Err(format!("two columns are headed {header:?}, for {}", column.word())),
            }
        }
        Ok(Self { columns, width: names.len(), calling_code: feed.calling_code.clone() })
    }

    /// What a row tells, and what was left out. None if it is left out as a whole.
    pub(crate) fn read(&self, record: &csv::ByteRecord, line: u64) -> (Option<Row>, Vec<Reject>) {
        let whole =
            |column: &str, reason| (None, vec![Reject { line, column: column.to_owned(), what: Left::Row, reason }]);
        if record.len() != self.width {
            return whole(
                "",
                if record.len() < self.width {
                    "fewer columns than the header"
                } else {
                    "more columns than the header"
                },
            );
        }
        let (mut texts, mut rejects) = (BTreeMap::new(), Vec::new());
        for (column, at, header) in &self.columns {
            let Ok(text) = std::str::from_utf8(record.get(*at).unwrap_or_default()) else {
                return whole(header, "not UTF-8");
            };
            match self.cleaned(*column, text.trim()) {
                Ok(Some(text)) => drop(texts.insert(*column, text)),
                Ok(None) => {}
                Err(reason) => {
                    rejects.push(Reject { line, column: header.clone(), what: Left::Value, reason });
                }
            }
        }
        match self.row(&texts) {
            Ok(row) => (Some(row), rejects),
            Err((column, reason)) => {
                let header = self.columns.iter().find(|(own, ..)| Some(*own) == column);
                rejects.push(Reject {
                    line,
                    column: header.map(|(.., header)| header.clone()).unwrap_or_default(),
                    what: Left::Row,
                    reason,
                });
                (None, rejects)
            }
        }
    }

    /// A value as it is kept. The error says why it isn't one.
    fn cleaned(&self, column: Column, text: &str) -> Result<Option<String>, &'static str> {
        use ProfileField::{CompanyDomain, CompanyPhone, CompanyWebsite, Email, MobilePhone};
        if text.is_empty() {
            return Ok(None);
        }
        match column {
            Column::Profile(CompanyPhone | MobilePhone) => {
                e164(text, &self.calling_code).map(Some).ok_or("not a telephone number")
            }
            Column::Profile(CompanyDomain | CompanyWebsite) if BusinessKey::domain(text).is_none() => {
                Err("not a web site or a domain")
            }
            Column::Profile(Email) if !is_address(text) => Err("not an e-mail address"),
            Column::Profile(field) if field.is_amount() => amount(text).map(Some).ok_or("not a whole number"),
            _ => Ok(Some(text.to_owned())),
        }
    }

    fn row(&self, texts: &BTreeMap<Column, String>) -> Result<Row, (Option<Column>, &'static str)> {
        use ProfileField::{CompanyDomain, CompanyName, CompanyPhone, CompanyWebsite};
        let text = |column: Column| texts.get(&column).map(String::as_str);
        let of = |field: ProfileField| text(Column::Profile(field));
        let licence = text(Column::LicenceNumber);
        let licence = licence.map(|number| format!("{}{number}", text(Column::LicenceState).unwrap_or_default()));
        let name = of(CompanyName).zip(text(Column::PostalCode));
        let site = of(CompanyDomain).or(of(CompanyWebsite));
        let all = [
            licence.and_then(|number| BusinessKey::licence(&number)),
            name.and_then(|(name, code)| BusinessKey::name_and_postal_code(name, code)),
            of(CompanyPhone).and_then(|number| BusinessKey::phone(number, &self.calling_code)),
            site.and_then(BusinessKey::domain),
        ];
        let keys: Vec<BusinessKey> = all.into_iter().flatten().collect();
        let surest = keys.first().ok_or((None, "nothing that a business is told by"))?;
        let id = text(Column::BusinessId).map_or_else(|| surest.text(), str::to_owned);
        if id.len() > ID_BYTES_MAX {
            return Err((Some(Column::BusinessId), "longer than an id may be"));
        }
        let mut profile = Profile::default();
        for (column, text) in texts {
            if let Column::Profile(field) = column {
                profile.set(*field, Some(text));
            }
        }
        profile.set(CompanyDomain, site.and_then(leadgate_enrichment::business::domain));
        if of(CompanyWebsite).is_none() {
            profile.set(CompanyWebsite, profile.get(CompanyDomain).map(str::to_owned));
        }
        let (values, kinds) = (profile.values().clone(), keys.iter().map(BusinessKey::kind).collect());
        let keys: BTreeSet<String> = keys.iter().map(BusinessKey::text).collect();
        let fingerprint = fingerprint(&keys, &values);
        Ok(Row { id, keys, kinds, values, fingerprint })
    }
}

/// So much of the headers is said.
const HEADERS_CHARS_MAX: usize = 500;

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.') && !domain.contains('@'))
        && !text.contains(char::is_whitespace)
}

/// A whole number, with or without commas between its thousands.
fn amount(text: &str) -> Option<String> {
    let digits = text.replace(',', "");
    digits.parse::<u64>().ok().map(|amount| amount.to_string())
}

fn fingerprint(keys: &BTreeSet<String>, values: &BTreeMap<ProfileField, String>) -> String {
    let mut digest = Sha256::new();
    let values = values.iter().flat_map(|(field, value)| [field.word(), value.as_str()]);
    for part in keys.iter().map(String::as_str).chain([""]).chain(values) {
        digest.update(part);
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..16])
}
