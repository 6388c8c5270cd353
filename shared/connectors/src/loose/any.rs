//! The one visitor behind everything that is read loosely.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is said to be found where there is `null`.
pub(super) const NULL: &str = "null";

/// Takes any JSON. Each kind of value that isn't overridden is just named.
pub(crate) trait FromAny<'de>: Sized {
    fn other(kind: &'static str) -> Self;

    fn boolean(_: bool) -> Self {
        Self::other("true or false")
    }

    fn integer(_: i64) -> Self {
        Self::other("a number")
    }

    fn decimal(_: f64) -> Self {
        Self::other("a number")
    }

    fn text(_: &str) -> Self {
        Self::other("text")
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::other("a list"))
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::other("an object"))
    }
}

/// Reads any JSON as a `T`.
pub(crate) fn any<'de, D: Deserializer<'de>, T: FromAny<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(AnyVisitor(PhantomData))
}

struct AnyVisitor<T>(PhantomData<T>);

impl<'de, T: FromAny<'de>> Visitor<'de> for AnyVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::other(NULL))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<T, E> {
        Ok(T::boolean(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(i64::try_from(number).map_or_else(|_| T::other("a number beyond 64 bits"), T::integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::decimal(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::object(object)
    }
}
