//! Salesforce's ids: 15 characters in which case counts, or the same with three more that say which of them are capitals.
//! Both forms name the same record, so that only one of them may reach a record's key.

/// How many characters say which record it is.
const SHORT: usize = 15;
/// With those that say which of them are capitals.
const LONG: usize = 18;
/// Each of the last three characters stands for the capitals among five.
const GROUP: usize = 5;
/// What stands for each set of capitals.
const SUFFIXES: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The id in its long form. `None` if it is none, or if its last characters contradict the others.
pub(super) fn canonical(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_id = matches!(bytes.len(), SHORT | LONG) && bytes.iter().all(u8::is_ascii_alphanumeric);
    if !is_id {
        return None;
    }
    let suffix: String = bytes[..SHORT].chunks(GROUP).map(suffix_of).collect();
    let (short, given) = text.split_at(SHORT);
    (given.is_empty() || given.eq_ignore_ascii_case(&suffix)).then(|| format!("{short}{suffix}"))
}

fn suffix_of(group: &[u8]) -> char {
    let capitals = group.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
    let index = capitals.fold(0, |index, (place, _)| index | 1 << place);
    char::from(SUFFIXES[index])
}

/// The id in its long form, if it is one of this kind of record: the first three characters say which.
pub(super) fn of_kind(text: &str, prefix: &str) -> Option<String> {
    canonical(text).filter(|id| id.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_id_are_one() {
        assert_eq!(canonical("00D000000000001").as_deref(), Some("00D000000000001EAA"));
        assert_eq!(canonical("00D000000000001EAA").as_deref(), Some("00D000000000001EAA"));
        assert_eq!(
            canonical("00D000000000001eaa").as_deref(),
            Some("00D000000000001EAA"),
            "case may be lost at the end"
        );
        assert_eq!(canonical("00DRM000000Fxts").as_deref(), Some("00DRM000000Fxts2AC"), "as in Salesforce's own pages");
        let wrong = ["", "00D00000000000", "00D0000000000010", "00D000000000001EAB", "00d000000000001EAA"];
        for wrong in wrong.into_iter().chain(["00D00000000000-", "../../../../../../", "00D00000000000é"]) {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_first_characters_say_what_it_is() {
        assert!(of_kind("00Q000000000001", "00Q").is_some());
        assert_eq!(of_kind("003000000000001", "00Q"), None);
    }
}
