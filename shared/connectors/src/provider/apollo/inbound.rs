//! What Apollo delivers to a callback, as far as it is looked at: who it is about. It isn't signed, so that nothing else
//! in it is believed.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::exchange::PEOPLE_MAX;
use crate::inbound::PayloadError;
use crate::loose::{List, Loose, Scalar, read};

/// The ids of the people that a delivery is about.
pub fn people(body: &[u8]) -> Result<BTreeSet<String>, PayloadError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        people: List<Loose<Person>, PEOPLE_MAX>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Person {
        id: Scalar,
    }
    let Ok(Loose::Object(payload)) = read::<Loose<Payload>>(body) else {
        return Err(PayloadError::NotAnObject);
    };
    let List::Of { items, total } = payload.people else { return Err(PayloadError::People("no list")) };
    if total > PEOPLE_MAX {
        return Err(PayloadError::People("more than one call can ask for"));
    }
    let id = |person: &Loose<Person>| person.as_object()?.id.to_text().filter(|id| !id.is_empty());
    let people: BTreeSet<String> = items.iter().filter_map(id).collect();
    if people.is_empty() { Err(PayloadError::People("nobody with an id")) } else { Ok(people) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_names_people_and_anything_else_is_told_what_it_lacks() {
        let ids = |body: &str| people(body.as_bytes());
        let found = ids(r#"{"status":"success","people":[{"id":"a","phone_numbers":[]},{"id":7},{"x":1},null]}"#);
        assert_eq!(found, Ok(BTreeSet::from(["a".to_owned(), "7".to_owned()])));
        for body in ["", "{", "[]", "\"people\"", "7"] {
            assert_eq!(ids(body), Err(PayloadError::NotAnObject), "{body}");
        }
        for body in ["{}", r#"{"people":{}}"#, r#"{"people":[]}"#, r#"{"people":[{"name":"Ada"}]}"#] {
            assert!(matches!(ids(body), Err(PayloadError::People(_))), "{body}");
        }
        let many = format!(r#"{{"people":[{}]}}"#, [r#"{"id":"a"}"#; 11].join(","));
        assert!(matches!(ids(&many), Err(PayloadError::People(_))));
    }
}
