//! What people type: amounts, references, days, instants.

use jiff::Timestamp;
use jiff::civil::Date;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};

use super::Failure;

/// The most characters of a reference: it becomes a part of keys.
const REFERENCE_MAX: usize = 64;
/// The most characters of a reason: it stands in the ledger for ever.
const REASON_MAX: usize = 200;

/// `credits=500`, `email=20,mobile=-2.5`.
pub(crate) fn amounts(text: &str) -> Result<Amounts, String> {
    let mut amounts = Amounts::default();
    for part in text.split(',') {
        let wrong = || format!("found {part:?}, expected KIND=NUMBER, such as credits=500 or email=20,mobile=5");
        let (bucket, number) = part.trim().split_once('=').ok_or_else(wrong)?;
        let (bucket, number) = (Bucket::new(bucket.trim()), number.trim().parse::<f64>().map_err(|_| wrong())?);
        if bucket.as_str().is_empty() {
            return Err(wrong());
        }
        if amounts.names(&bucket) {
            return Err(format!("found \"{bucket}\" twice in {text:?}, expected each kind of credit once"));
        }
        let size = Milli::from_decimal(number.abs()).map_err(|error| error.to_string())?;
        if size == Milli::ZERO {
            return Err(format!("found 0 for \"{bucket}\", expected an amount"));
        }
        amounts.add(&bucket, if number < 0.0 { Milli::ZERO - size } else { size });
    }
    Ok(amounts)
}

/// The caller's own id for what is done: doing it again under the same one changes nothing.
pub(super) fn reference(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > REFERENCE_MAX || !text.chars().all(allowed) {
        return Err(format!(
            "found {text:?}, expected 1 to {REFERENCE_MAX} characters from A-Z, a-z, 0-9, '-', '_', '.'"
        ));
    }
    Ok(text.to_owned())
}

/// Why, in the words of whoever does it.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_MAX || text.contains(char::is_control) {
        return Err(format!("found {text:?}, expected a reason of 1 to {REASON_MAX} characters, on one line"));
    }
    Ok(text.to_owned())
}

/// The name of something that is kept in files called so. It becomes a part of keys as well.
pub(crate) fn file_name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !text.is_empty() && text.len() <= FILE_NAME_MAX && text.chars().all(is_allowed) {
        true => Ok(text.to_owned()),
        false => Err(format!("found {text:?}, expected 1 to {FILE_NAME_MAX} characters from A-Z, a-z, 0-9, '-', '_'")),
    }
}

const FILE_NAME_MAX: usize = 40;

/// An instant.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("found {text:?}, expected an instant such as 2026-01-31T09:00:00Z"))
}

pub(crate) fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("found {text:?}, expected a day such as 2026-01-31"))
}

/// Credits of a kind that nobody is ever charged in would lie there for ever.
pub(super) fn check_kinds(amounts: &Amounts, tenant: &Tenant) -> Result<(), Failure> {
    let known = tenant.granted();
    let names = || known.iter().map(|(bucket, _)| bucket.to_string()).collect::<Vec<_>>().join(", ");
    match amounts.iter().find(|(bucket, _)| !known.names(bucket)) {
        Some((bucket, _)) => Err(format!(
            "found \"{bucket}\", expected a kind of credit that the plan of tenant {} names: {}",
            tenant.id,
            names()
        )
        .into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_signs_and_nothing_is_guessed() {
        let read = amounts("email=20, mobile=-2.5").expect("two amounts");
        assert_eq!((read.get(&Bucket::new("email")).get(), read.get(&Bucket::new("mobile")).get()), (20_000, -2_500));
        for wrong in ["", "500", "credits=", "=5", "credits=5,credits=5", "credits=0", "credits=0.0001", "credits=NaN"]
        {
            assert!(amounts(wrong).is_err(), "{wrong:?} is not an amount");
        }
    }

    #[test]
    fn a_reference_is_fit_for_a_key() {
        assert!(reference("inv_2026-01.7").is_ok());
        for wrong in ["", "a b", "a#b", "ü", &"x".repeat(65)] {
            assert!(reference(wrong).is_err(), "{wrong:?} is not a reference");
        }
    }
}
