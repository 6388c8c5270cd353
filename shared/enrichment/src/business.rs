//! A business with a place of its own: what it is told by when it has no corporate domain and no LinkedIn page. A feed is
//! stored under these keys, and asked by them, so that both sides write them in one way.

use std::collections::BTreeMap;

use strum::{EnumIter, IntoStaticStr};

use crate::ids::TenantId;
use crate::person::{ProfileField, bare_domain};

/// The longest value of a key, in characters: a key of a table is 2,048 bytes at most.
const VALUE_CHARS_MAX: usize = 120;
/// How many digits a number has in E.164, with its country.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// The digits of a number in the North American plan, without its country.
const NORTH_AMERICAN_DIGITS: usize = 10;
/// The calling code of that plan.
const NORTH_AMERICA: &str = "1";

/// What a business is told by, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum KeyKind {
    /// The number of a licence, a permit or a registration.
    Licence,
    /// Telephone number, in E.164.
    Phone,
    /// Web site, as a bare domain. All places of a chain have the same.
    Domain,
    /// Name and postal code.
    NameAndPostalCode,
}

impl KeyKind {
    /// The word used in keys and reports.
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// One of the things that a business is told by, written in the one way that can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessKey {
    kind: KeyKind,
    value: String,
}

impl BusinessKey {
    /// The number of a licence: its letters and digits. `CA-123456` and `ca 123456` are the same.
    pub fn licence(number: &str) -> Option<Self> {
        Self::new(KeyKind::Licence, letters_and_digits(number).to_uppercase())
    }

    /// A telephone number. One without a country is of the country with this calling code.
    pub fn phone(number: &str, calling_code: &str) -> Option<Self> {
        Self::new(KeyKind::Phone, e164(number, calling_code)?)
    }

    /// A web site or a domain.
    pub fn domain(website: &str) -> Option<Self> {
        Self::new(KeyKind::Domain, domain(website)?)
    }

    /// A name and a postal code. How the business is incorporated makes no other name of it.
    pub fn name_and_postal_code(name: &str, postal_code: &str) -> Option<Self> {
        let (name, code) = (bare_name(name), postal_code_of(postal_code));
        (!name.is_empty() && !code.is_empty())
            .then(|| Self::new(KeyKind::NameAndPostalCode, format!("{name}@{code}")))?
    }

    fn new(kind: KeyKind, value: String) -> Option<Self> {
        (!value.is_empty() && value.chars().count() <= VALUE_CHARS_MAX).then_some(Self { kind, value })
    }

    /// What it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// As it stands in a table: `phone#+15035550142`.
    pub fn text(&self) -> String {
        format!("{}#{}", self.kind.word(), self.value)
    }
}

/// The bare domain of a web site: no scheme, no `www.`, no path.
pub fn domain(website: &str) -> Option<String> {
    bare_domain(website)
}

/// Businesses that came in batches. The body is in `leadgate-aws`.
#[async_trait::async_trait]
pub trait Businesses: Send + Sync {
    /// For each of these lists of keys the business of the tenant's that they tell, all read together: none, where no
    /// business is told by them, or several are.
    async fn find_all(&self, tenant: &TenantId, asked: &[Vec<BusinessKey>]) -> Result<Vec<Option<Delivered>>, NotRead>;
}

/// What was delivered about a business, and about who runs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The feed's id of it.
    pub id: String,
    /// By field.
    pub values: BTreeMap<ProfileField, String>,
}

/// What came in batches can't be read now. Safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRead(pub String);

/// The number in E.164, if it is one. One without a country is of the country with this calling code; a North American one
/// also has the form that all have there.
pub fn e164(number: &str, calling_code: &str) -> Option<String> {
    let number = number.trim();
    let allowed = |c: char| c.is_ascii_digit() || " +-.()/\u{a0}\u{2010}\u{2011}\u{2013}".contains(c);
    if !number.chars().all(allowed) || number.get(1..).is_some_and(|rest| rest.contains('+')) {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = match (number.starts_with('+'), calling_code) {
        (true, _) => digits,
        (false, NORTH_AMERICA) if digits.len() == NORTH_AMERICAN_DIGITS + 1 && digits.starts_with('1') => digits,
        (false, _) => format!("{calling_code}{}", digits.trim_start_matches('0')),
    };
    let is_number = DIGITS.contains(&digits.len()) && !digits.starts_with('0');
    let fits_its_plan = digits.strip_prefix(NORTH_AMERICA).is_none_or(is_north_american);
    (is_number && fits_its_plan).then(|| format!("+{digits}"))
}

/// Ten digits, of which neither the area nor the exchange begins with 0 or 1.
fn is_north_american(digits: &str) -> bool {
    let begins_well = |at: usize| digits.as_bytes().get(at).is_some_and(|digit| (b'2'..=b'9').contains(digit));
    digits.len() == NORTH_AMERICAN_DIGITS && begins_well(0) && begins_well(3)
}

/// Words at the end of a name that say how the business is incorporated.
const INCORPORATED: [&str; 14] = [
    "inc",
    "incorporated",
    "llc",
    "llp",
    "lp",
    "ltd",
    "limited",
    "co",
    "company",
    "corp",
    "corporation",
    "pc",
    "pllc",
    "dba",
];

fn bare_name(name: &str) -> String {
    let name = name.to_lowercase().replace('&', " and ").replace(['\'', '\u{2019}', '.'], "");
    let mut words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|word| INCORPORATED.contains(word)) {
        words.pop();
    }
    if words.len() > 1 && words.first() == Some(&"the") {
        words.remove(0);
    }
    words.join(" ")
}

/// Five digits of an American code with nine, else its letters and digits.
fn postal_code_of(text: &str) -> String {
    let code = letters_and_digits(text).to_uppercase();
    let is_american = matches!(code.len(), 5 | 9) && code.bytes().all(|byte| byte.is_ascii_digit());
    if is_american { code[..5].to_owned() } else { code }
}

fn letters_and_digits(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for same in
            ["+1 503-555-0142", "(503) 555-0142", "503.555.0142", "1 503 555 0142", "503\u{2011}555\u{2011}0142"]
        {
            assert_eq!(e164(same, "1").as_deref(), Some("+15035550142"), "{same}");
        }
        assert_eq!(e164("030 1234567", "49").as_deref(), Some("+49301234567"));
        assert_eq!(e164("+49 30 1234567", "1").as_deref(), Some("+49301234567"));
        for none in ["", "555-0142", "103-555-0142", "503-155-0142", "503-555-0142 x12", "n/a", "5+035550142", "+0"] {
            assert_eq!(e164(none, "1"), None, "{none}");
        }
    }

    #[test]
    fn a_name_is_the_same_however_it_is_incorporated() {
        let key = |name: &str, code: &str| BusinessKey::name_and_postal_code(name, code).map(|key| key.text());
        let wanted = Some("name_and_postal_code#joes plumbing and heating@97201".to_owned());
        for same in [
            "Joe's Plumbing & Heating, LLC",
            "JOE\u{2019}S PLUMBING AND HEATING",
            "The Joe's Plumbing & Heating Co., Inc.",
        ] {
            assert_eq!(key(same, "97201-1234"), wanted, "{same}");
        }
        assert_eq!(key("Company", "97201").as_deref(), Some("name_and_postal_code#company@97201"));
        assert_eq!(key("Joe's", "SW1A 1AA").as_deref(), Some("name_and_postal_code#joes@SW1A1AA"));
        assert_eq!((key("", "97201"), key("Joe's", " - "), key("!", "97201")), (None, None, None));
    }

    #[test]
    fn a_key_is_short_and_says_what_it_is() {
        assert_eq!(BusinessKey::licence("ca-123 456").map(|key| key.text()).as_deref(), Some("licence#CA123456"));
        let domain = BusinessKey::domain("https://www.Joes.example/contact").map(|key| key.text());
        assert_eq!(domain.as_deref(), Some("domain#joes.example"));
        assert_eq!(BusinessKey::licence(&"9".repeat(500)), None);
    }
}
