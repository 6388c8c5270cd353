//! The e-mail addresses and telephone numbers of a person. A write gives the whole list: what it doesn't repeat is removed
//! (developers.pipedrive.com, "Update a person"), and so a list is read right before it is written.

use leadgate_enrichment::lead::patch::is_same_number;
use serde_json::{Value, json};

use super::wire::{entry_value, primary};

/// What becomes of a list, for a value to be its primary one.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// It stands there already.
    None,
    /// The list is to be this. It has every entry that it had, but for the primary one whose place the value takes.
    To(Vec<Value>),
    /// Another primary one stands there than was seen when the write was decided on: a person's.
    Theirs,
}

/// Makes `value` the primary one of `entries`; a blank one takes the primary one out. `may_replace` says whether the present primary one is the one that was seen
/// by whom the write is for.
pub(super) fn with_primary(entries: &[Value], value: &str, may_replace: impl Fn(&str) -> bool) -> Change {
    let present = primary(entries).and_then(entry_value);
    let is_same = |entry: &Value| entry_value(entry).is_some_and(|there| is_same(there, value));
    match present {
        Some(present) if is_same_text(present, value) => return Change::None,
        Some(present) if !may_replace(present) => return Change::Theirs,
        None if value.trim().is_empty() => return Change::None,
        Some(present) if value.trim().is_empty() => return Change::To(without(entries, present)),
        _ => {}
    }
    let own = entries.iter().position(is_same);
    let replaced = own.or_else(|| entries.iter().position(|entry| entry_value(entry) == present));
    let mut changed: Vec<Value> = entries.to_vec();
    for (place, entry) in changed.iter_mut().enumerate() {
        entry["primary"] = (Some(place) == replaced).into();
    }
    match replaced.and_then(|place| changed.get_mut(place)) {
        Some(entry) => entry["value"] = value.into(),
        None => changed.push(json!({ "value": value, "label": "work", "primary": true })),
    }
    Change::To(changed)
}

/// All but this one. The next one is the primary one then.
fn without(entries: &[Value], taken_out: &str) -> Vec<Value> {
    let mut rest: Vec<Value> = entries.iter().filter(|entry| entry_value(entry) != Some(taken_out)).cloned().collect();
    for (place, entry) in rest.iter_mut().enumerate() {
        entry["primary"] = (place == 0).into();
    }
    rest
}

fn is_same_text(one: &str, other: &str) -> bool {
    one.trim() == other.trim()
}

/// Whether two entries are the same address or number in whatever form.
fn is_same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim()) || is_same_number(one, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &str, label: &str, primary: bool) -> Value {
        json!({ "value": value, "label": label, "primary": primary })
    }

    #[test]
    fn no_other_entry_is_ever_removed() {
        let (home, work) = (entry("a@x.example", "home", false), entry("b@x.example", "work", true));
        let both = [home.clone(), work.clone()];
        let to = |value: &str| with_primary(&both, value, |_| true);
        let new = entry("c@x.example", "work", true);
        assert_eq!(to("c@x.example"), Change::To(vec![home.clone(), new]), "in the place of the primary one");
        let swapped = vec![entry("A@x.example", "home", true), entry("b@x.example", "work", false)];
        assert_eq!(to("A@x.example"), Change::To(swapped), "one that is there becomes the primary one");
        assert_eq!(to("b@x.example"), Change::None);
        assert_eq!(with_primary(&both, "c@x.example", |_| false), Change::Theirs);
        assert_eq!(with_primary(&[], "1", |_| false), Change::To(vec![entry("1", "work", true)]));
        let taken_back = with_primary(&both, "", |_| true);
        assert_eq!(taken_back, Change::To(vec![entry("a@x.example", "home", true)]), "what we wrote is taken back");
        assert_eq!(with_primary(&both, "", |_| false), Change::Theirs);
        assert_eq!(with_primary(&[], "", |_| true), Change::None);
        let mobile = entry("+1 555 200 0001", "mobile", true);
        let formatted = Change::To(vec![entry("+15552000001", "mobile", true)]);
        assert_eq!(with_primary(&[mobile], "+15552000001", |_| true), formatted);
    }
}
