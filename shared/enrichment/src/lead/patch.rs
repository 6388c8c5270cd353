//! Which values go into which fields of a CRM record, and which must be left alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use strum::VariantNames;

use crate::fingerprint::Ours;
use crate::lead::related;
use crate::person::{Confidence, Profile, ProfileField, Properties, value_of};

/// When a field of the CRM may be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FieldPolicy {
    /// Only while it is blank.
    #[default]
    FillBlank,
    /// Whatever is in it.
    Overwrite,
    /// While it is blank, or holds what we wrote and no person has touched since.
    OverwriteOurs,
    /// Not at all: mapped for the record, switched off.
    Never,
}

/// One row of the field mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMapping {
    /// The CRM's name for the property.
    pub property: String,
    /// What goes into it.
    pub from: ProfileField,
    /// When.
    pub policy: FieldPolicy,
    /// How sure the provider has to be of it. A value of which it doesn't say so isn't sure enough.
    pub min_confidence: Option<Confidence>,
}

/// Values by the CRM's property names.
pub type Patch = BTreeMap<String, String>;

impl FieldMapping {
    /// Whether it is ever written.
    pub fn is_mapped(&self) -> bool {
        self.policy != FieldPolicy::Never
    }

    /// Whether the provider is sure enough of what goes into it.
    pub fn accepts(&self, profile: &Profile) -> bool {
        self.min_confidence.is_none_or(|floor| profile.confidence().get(&self.from).is_some_and(|it| *it >= floor))
    }

    /// Whether the field may be written, given what the CRM holds now and what we wrote before.
    pub fn may_write(&self, current: &Properties, ours: Ours<'_>) -> bool {
        if related::record_of(current, &self.property) == Some(None) {
            return false;
        }
        let Some(value) = value_of(current, &self.property) else { return self.policy != FieldPolicy::Never };
        match self.policy {
            FieldPolicy::Never | FieldPolicy::FillBlank => false,
            FieldPolicy::Overwrite => true,
            FieldPolicy::OverwriteOurs => related::is_ours(ours, current, &self.property, value),
        }
    }
}

/// All that a profile has to say to the CRM. What may really be written is decided just before the write.
///
/// A number that is on a do-not-call register is only said where the register is said as well: a person who sees the one
/// sees the other. What is said of a value goes only where the value does.
pub fn patch_from(mapping: &[FieldMapping], profile: &Profile) -> Patch {
    let says_register =
        mapping.iter().any(|field| field.is_mapped() && field.from == ProfileField::MobilePhoneDoNotCall);
    let may_say = |field: &&FieldMapping| {
        field.is_mapped()
            && (field.from != ProfileField::MobilePhone || says_register || !profile.is_on_do_not_call_register())
    };
    let is_accepted = |field: &&FieldMapping| {
        let of = field.from.says_something_of();
        let mut of = mapping.iter().filter(|it| it.is_mapped() && Some(it.from) == of).peekable();
        field.accepts(profile) && (of.peek().is_none() || of.any(|it| it.accepts(profile)))
    };
    let value = |field: &FieldMapping| Some((field.property.clone(), profile.get(field.from)?.to_owned()));
    mapping.iter().filter(may_say).filter(is_accepted).filter_map(value).collect()
}

/// The part of a patch that may be written now, and would change something. It says which related records it is for.
pub fn applicable(patch: &Patch, mapping: &[FieldMapping], current: &Properties, ours: Ours<'_>) -> Patch {
    let may_write =
        |property: &str| mapping.iter().any(|field| field.property == property && field.may_write(current, ours));
    let changes = |property: &str, value: &str| value_of(current, property) != Some(value.trim());
    let written = patch.iter().filter(|(property, value)| may_write(property) && changes(property, value));
    let mut written: Patch = written.map(|(property, value)| (property.clone(), value.clone())).collect();
    if !shows_our_number(patch, &written, mapping, current) {
        let of_number = |property: &String| {
            mapping.iter().any(|field| field.property == *property && field.from.comes_with_a_number())
        };
        written.retain(|property, _| !of_number(property));
    }
    related::name_records(&mut written, current);
    written
}

/// The fewest digits by which a telephone number is told from another.
const DIGITS_MIN: usize = 7;

/// Whether two values are the same telephone number, perhaps in different forms: the same digits, with nothing but what
/// stands between digits. One may lack the country's code, but no more than that.
pub fn is_same_number(one: &str, other: &str) -> bool {
    let digits = |text: &str| {
        let is_between = |c: char| matches!(c, ' ' | '\u{a0}' | '+' | '-' | '.' | '/' | '(' | ')');
        let is_number = text.chars().all(|c| c.is_ascii_digit() || is_between(c));
        is_number.then(|| text.chars().filter(char::is_ascii_digit).collect::<String>())
    };
    let (Some(one), Some(other)) = (digits(one), digits(other)) else { return false };
    let (long, short) = if one.len() < other.len() { (other, one) } else { (one, other) };
    short.len() >= DIGITS_MIN && long.ends_with(&short) && long.len() - short.len() <= COUNTRY_DIGITS_MAX
}

/// The longest code of a country.
const COUNTRY_DIGITS_MAX: usize = 3;

/// What is said of a number is said of ours, however it is written: not of another that a person typed in.
fn shows_our_number(patch: &Patch, written: &Patch, mapping: &[FieldMapping], current: &Properties) -> bool {
    let is_number = |field: &&FieldMapping| field.from == ProfileField::MobilePhone;
    let shown = |field: &FieldMapping| {
        let (ours, there) = (patch.get(&field.property), value_of(current, &field.property));
        let is_there = ours.map(|ours| ours.trim()) == there;
        let is_there = is_there || ours.zip(there).is_some_and(|(ours, there)| is_same_number(ours, there));
        written.contains_key(&field.property) || is_there
    };
    mapping.iter().find(is_number).is_none_or(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Fingerprints;
    use crate::fingerprint::tests::key;

    fn field(property: &str, from: ProfileField, policy: FieldPolicy) -> FieldMapping {
        FieldMapping { property: property.into(), from, policy, min_confidence: None }
    }

    fn mapping(policy: FieldPolicy) -> Vec<FieldMapping> {
        vec![field("jobtitle", ProfileField::Title, policy)]
    }

    fn holding(value: Option<&str>) -> Properties {
        Properties::from([("jobtitle".into(), value.map(str::to_owned))])
    }

    #[test]
    fn what_is_said_of_a_number_is_only_said_of_ours() {
        let field = |property: &str, from| field(property, from, FieldPolicy::FillBlank);
        let mapping = [field("mobile", ProfileField::MobilePhone), field("listed", ProfileField::MobilePhoneDoNotCall)];
        let mut profile = Profile::default();
        profile.set(ProfileField::MobilePhone, Some("+15550100"));
        profile.set(ProfileField::MobilePhoneDoNotCall, Some("found"));
        let patch = patch_from(&mapping, &profile);
        let written = |mobile: Option<&str>| {
            let current = Properties::from([("mobile".into(), mobile.map(str::to_owned))]);
            let nothing = Ours { written: &Fingerprints::new(), key: &key() };
            applicable(&patch, &mapping, &current, nothing).into_keys().collect::<Vec<_>>()
        };
        assert_eq!(written(None), ["listed", "mobile"]);
        assert_eq!(written(Some("+15550100")), ["listed"], "written before, and the rest was not");
        assert_eq!(written(Some("+1 555-0100")), ["listed"], "the same in another form");
        assert!(written(Some("+44 20 7946 0000")).is_empty(), "a person typed in another");
        assert!(patch_from(&mapping[..1], &profile).is_empty(), "a listed number is not said without that");
    }

    #[test]
    fn only_what_is_sure_enough_is_said_and_nothing_is_said_of_the_rest() {
        let mapped = |floor| {
            let email = field("email", ProfileField::Email, FieldPolicy::FillBlank);
            let status = field("email_is", ProfileField::EmailStatus, FieldPolicy::FillBlank);
            [FieldMapping { min_confidence: floor, ..email }, status]
        };
        let said = |confidence: Option<Confidence>, floor: Option<Confidence>| {
            let mut profile = Profile::default();
            profile.set(ProfileField::Email, Some("ada@engine.example"));
            profile.set(ProfileField::EmailStatus, Some("some word"));
            profile.set_confidence(ProfileField::Email, confidence);
            patch_from(&mapped(floor), &profile).len()
        };
        let all =
            [None, Some(Confidence::Low), Some(Confidence::Medium), Some(Confidence::High), Some(Confidence::Verified)];
        for (rank, confidence) in all.into_iter().enumerate() {
            for (least, floor) in all.into_iter().enumerate() {
                assert_eq!(said(confidence, floor), if rank >= least { 2 } else { 0 }, "{confidence:?}, {floor:?}");
            }
        }
        let mut profile = Profile::default();
        profile.set_confidence(ProfileField::Email, Some(Confidence::Verified));
        assert!(profile.confidence().is_empty(), "of no value");
    }

    #[test]
    fn a_field_of_a_related_record_has_no_room_where_there_is_none_and_is_ours_in_that_record_only() {
        let mapping = [field("companies.city", ProfileField::City, FieldPolicy::OverwriteOurs)];
        let patch = Patch::from([("companies.city".into(), "London".into())]);
        let key = key();
        let wrote = Patch::from([("companies.".into(), "7".into()), ("companies.city".into(), "Paris".into())]);
        let written = key.of_all(&related::known_by(&wrote));
        let applied = |company: Option<&str>, value: Option<&str>| {
            let current = [("companies.", company), ("companies.city", value)];
            let current = current.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).into();
            applicable(&patch, &mapping, &current, Ours { written: &written, key: &key })
        };
        let to = |company: &str| {
            Patch::from([("companies.".into(), company.to_owned()), ("companies.city".into(), "London".into())])
        };
        assert_eq!(applied(None, None), Patch::new());
        assert_eq!(applied(Some("7"), None), to("7"));
        assert_eq!(applied(Some("7"), Some("Paris")), to("7"));
        assert_eq!(applied(Some("8"), None), to("8"));
        assert_eq!(applied(Some("8"), Some("Paris")), Patch::new(), "there it is a person's");
    }

    #[test]
    fn a_number_is_the_same_in_whatever_form() {
        for form in ["+15552000001", "+1 555-200-0001", "1 (555) 200.0001", "(555) 200-0001"] {
            assert!(is_same_number("+15552000001", form) && is_same_number(form, "+15552000001"), "{form}");
        }
        for other in ["+15552000002", "+1 555-200-0001 ext. 5", "2000001", "0001", "", "555-200-0001 (mine)"] {
            assert!(!is_same_number("+15552000001", other), "{other}");
        }
        assert!(!is_same_number("100", "100"), "too short to tell");
    }

    #[test]
    fn each_policy_protects_what_it_promises_to() {
        let patch = Patch::from([("jobtitle".into(), "CTO".into())]);
        let key = key();
        let written = key.of_all(&Patch::from([("jobtitle".into(), "Engineer".into())]));
        let ours = Ours { written: &written, key: &key };
        let writes = |policy, value| !applicable(&patch, &mapping(policy), &holding(value), ours).is_empty();

        for blank in [None, Some(""), Some("  ")] {
            assert!(writes(FieldPolicy::FillBlank, blank));
            assert!(writes(FieldPolicy::OverwriteOurs, blank));
            assert!(!writes(FieldPolicy::Never, blank));
        }
        assert!(!writes(FieldPolicy::FillBlank, Some("Engineer")));
        assert!(writes(FieldPolicy::OverwriteOurs, Some("Engineer")));
        assert!(!writes(FieldPolicy::OverwriteOurs, Some("Chief Engineer")), "a person edited it");
        assert!(writes(FieldPolicy::Overwrite, Some("Chief Engineer")));
        assert!(!writes(FieldPolicy::Overwrite, Some("CTO")), "writing the same value starts an echo for nothing");
    }
}
