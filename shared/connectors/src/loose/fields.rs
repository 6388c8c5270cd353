//! Fields of an answer that callers see, each read from any JSON: a value of another kind is as good as none. For
//! structs with `#[serde(default)]`, field by field with `deserialize_with`.

use std::collections::BTreeMap;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer};

use super::{List, Loose, Map, Scalar};

/// One of the words that we know, or another: vendors add words without saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open<T> {
    /// One that we know.
    Known(T),
    /// Another.
    Other(String),
}

/// Text that isn't blank. Numbers count as text.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(said(&Scalar::deserialize(deserializer)?))
}

/// The value as text, if it isn't blank.
pub(crate) fn said(value: &Scalar) -> Option<String> {
    value.to_text().filter(|text| !text.trim().is_empty())
}

/// Texts; what is none is left out.
pub(crate) fn texts<'de, D: Deserializer<'de>, const MOST: usize>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = List::<Scalar, MOST>::deserialize(deserializer)?;
    Ok(list.items().iter().filter_map(said).collect())
}

/// A word of a list that may grow.
pub(crate) fn word<'de, D, T>(deserializer: D) -> Result<Option<Open<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    Ok(text(deserializer)?.map(open))
}

/// The word as we know it, if we do.
pub(crate) fn open<T: for<'a> Deserialize<'a>>(word: String) -> Open<T> {
    let known: StrDeserializer<'_, Error> = word.as_str().into_deserializer();
    match T::deserialize(known) {
        Ok(known) => Open::Known(known),
        Err(_) => Open::Other(word),
    }
}

/// A whole number that isn't negative, also when it is written as text.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.to_text().and_then(|number| number.trim().parse().ok()))
}

/// A number, also when it is written as text.
pub(crate) fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.to_decimal().filter(|number| number.is_finite()))
}

/// True or false, also when it is written as text.
pub(crate) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.to_text().and_then(|truth| truth.parse().ok()))
}

/// An object.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Loose::deserialize(deserializer)?.into_object())
}

/// Objects, at most `MOST`; what is none is left out.
pub(crate) fn list<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(List::<Loose<T>, MOST>::deserialize(deserializer)?.into_objects())
}

/// An object whose keys are data, of at most `MOST` entries.
pub(crate) fn map<'de, D, T, const MOST: usize>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let Map(entries) = Map::<Loose<T>, MOST>::deserialize(deserializer)?;
    Ok(entries.into_iter().filter_map(|(key, value)| Some((key, value.into_object()?))).collect())
}
