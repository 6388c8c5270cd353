use std::collections::BTreeSet;

use super::*;
use crate::credits::ledger::{AskedAbout, PurchaseKind};
use crate::credits::price::{Action, ChargeOn, LATER, Price, PricedField, Repeat};
use crate::credits::{Bucket, Milli};
use crate::fingerprint::tests::key as fingerprint_key;
use crate::ids::{ProviderName, PurchaseId, TenantId};
use crate::lead::patch::Patch;
use crate::lead::record::Rest;
use crate::person::ProfileField;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn amounts(credits: i64) -> Amounts {
    Amounts::one(Bucket::new("credits"), Milli::credits(credits))
}

fn key(id: u8) -> RecordKey {
    format!("acme#crm#contact#{id}").parse().expect("a key")
}

fn purchase() -> PurchaseId {
    let tenant: TenantId = "acme".parse().expect("a tenant");
    PurchaseId::derive(&tenant, "run", at(0))
}

fn tariff(charge_on: ChargeOn) -> Tariff {
    let row = Price {
        version: "test".into(),
        provider: ProviderName::known("data"),
        action: Action::Match,
        field: PricedField::Mobile,
        from: Timestamp::UNIX_EPOCH,
        charge_on,
        repeat: Repeat::Charged,
        cost: amounts(8),
    };
    Tariff::at(&[row], &ProviderName::known("data"), Action::Match, &LATER, at(0)).expect("in force")
}

/// For records 1 to 4.
fn hold() -> Hold {
    hold_at(ChargeOn::Match)
}

/// The same, at these prices.
fn hold_at(charge_on: ChargeOn) -> Hold {
    let line = |id| HoldLine { subject: key(id), worst: amounts(8), caps: Vec::new() };
    Hold {
        purchase: purchase().asynchronous(),
        claim: None,
        provider: None,
        kind: PurchaseKind::Asynchronous,
        held_at: at(0),
        claimed_until: at(65),
        price_version: "test".into(),
        prices: tariff(charge_on).terms().to_vec(),
        lines: (1..=4).map(line).collect(),
        slices: Vec::new(),
        unheld_from: None,
        caps: Vec::new(),
        values: None,
        asked: AskedAbout::default(),
    }
}

/// 1 and 2 await something, 3 was unmatched.
fn records() -> HashMap<RecordKey, Record> {
    let record = |id: u8, rest| Record::new(key(id), at(0)).bought(Patch::new(), Amounts::default(), rest, at(1));
    let awaited = |id: u8| {
        let (request, person) = (AsynchronousId("-7".into()), fingerprint_key().of(&format!("p{id}")));
        Rest::Awaited(Awaited {
            purchase: purchase().asynchronous(),
            request,
            person,
            fields: vec![PricedField::Mobile],
            asked: None,
            written: false,
        })
    };
    [record(1, awaited(1)), record(2, awaited(2)), record(3, Rest::None)].map(|r| (r.key.clone(), r)).into()
}

fn entry_of(results: &[(u8, LineResult)]) -> Entry {
    let line = |(id, result): &(u8, LineResult)| EntryLine { subject: key(*id), result: *result, cost: amounts(1) };
    entry(&hold(), results.iter().map(line).collect(), Evidence::Inferred, at(2))
}

fn answers(reported: Option<i64>) -> Answers {
    let mut profile = Profile::default();
    profile.set(ProfileField::MobilePhone, Some("+15550100"));
    let people = BTreeMap::from([(fingerprint_key().of("p1").as_str().to_owned(), profile)]);
    [(
        AsynchronousId("-7".into()),
        Collected::Arrived { people, unpaid: BTreeSet::new(), reported: reported.map(Milli::credits) },
    )]
    .into()
}

fn costs(entry: Option<Entry>) -> (Vec<(String, LineResult, i64)>, Option<Evidence>) {
    let Some(Entry::Purchase { lines, evidence, .. }) = entry else { return (Vec::new(), None) };
    let line = |line: &EntryLine| (line.subject.id.clone(), line.result, line.cost.total().get() / 1000);
    (lines.iter().map(line).collect(), Some(evidence))
}

#[test]
fn each_line_costs_what_arrived_for_it_and_one_of_an_unknown_call_the_worst() {
    use LineResult::{Hit, Miss, Unknown};
    let at_once = entry_of(&[(1, Hit), (2, Hit), (3, Miss), (4, Unknown)]);
    let settle = |charge_on, reported| {
        costs(settled(&hold_at(charge_on), Some(&at_once), &records(), &answers(reported), at(9)))
    };
    let line = |id: &str, result, cost| (id.to_owned(), result, cost);
    let expected = |second| vec![line("1", Hit, 8), line("2", Miss, second), line("3", Miss, 0), line("4", Unknown, 8)];
    assert_eq!(settle(ChargeOn::Match, None), (expected(0), Some(Evidence::Assumed)));
    assert_eq!(settle(ChargeOn::Lookup, None), (expected(8), Some(Evidence::Assumed)));
    // What is reported holds what the unknown one cost, too.
    assert_eq!(settle(ChargeOn::Match, Some(16)), (expected(0), Some(Evidence::Assumed)));
}

#[test]
fn what_is_reported_counts_where_the_whole_call_is_known() {
    use LineResult::{Hit, Miss};
    let at_once = entry_of(&[(1, Hit), (2, Hit), (3, Miss), (4, Miss)]);
    let (lines, evidence) = costs(settled(&hold(), Some(&at_once), &records(), &answers(Some(9)), at(9)));
    let cost: Vec<i64> = lines.iter().map(|line| line.2).collect();
    assert_eq!((cost, evidence), (vec![9, 0, 0, 0], Some(Evidence::Reported)));
}

#[test]
fn what_nobody_was_asked_about_is_freed() {
    let none = HashMap::new();
    assert_eq!(settled(&hold_at(ChargeOn::Lookup), None, &none, &Answers::new(), at(9)), None);
    let (lines, evidence) =
        costs(settled(&hold(), Some(&entry_of(&[(3, LineResult::Hit)])), &none, &Answers::new(), at(9)));
    assert_eq!((lines, evidence), (vec![("3".to_owned(), LineResult::Miss, 0)], Some(Evidence::Inferred)));
}

#[test]
fn a_result_that_can_not_be_had_any_more_is_assumed_spent() {
    let at_once = entry_of(&[(1, LineResult::Hit), (2, LineResult::Hit)]);
    for expired in [Some(Collected::Expired("gone".into())), Some(Collected::NotFound("who?".into())), None] {
        let answers: Answers = expired.into_iter().map(|end| (AsynchronousId("-7".into()), end)).collect();
        let (lines, evidence) = costs(settled(&hold(), Some(&at_once), &records(), &answers, at(9)));
        let line = |id: &str| (id.to_owned(), LineResult::Unknown, 8);
        assert_eq!((lines, evidence), (vec![line("1"), line("2")], Some(Evidence::Assumed)), "{answers:?}");
    }
}

#[test]
fn a_result_costs_the_worst_case_where_no_prices_were_stored() {
    let at_once = entry_of(&[(1, LineResult::Hit), (2, LineResult::Hit)]);
    let hold = Hold { prices: Vec::new(), ..hold() };
    let (lines, _) = costs(settled(&hold, Some(&at_once), &records(), &answers(None), at(9)));
    assert_eq!(lines.iter().map(|line| line.2).collect::<Vec<_>>(), [8, 8]);
}

#[test]
fn it_is_asked_after_ever_more_seldom_and_then_once_a_day() {
    let minute = 60;
    let asked = |before: i64, now: i64| is_to_be_asked_after(at(0), at(before * minute), at(now * minute));
    assert!(!asked(4, 9) && asked(9, 14) && !asked(14, 19) && asked(9, 30));
    assert!(!asked(13 * 60, 20 * 60) && asked(20 * 60, 24 * 60) && !asked(25 * 60, 25 * 60 + 5));
    assert!(asked(47 * 60, 48 * 60) && !asked(49 * 60, 71 * 60) && asked(719 * 60, 721 * 60));
}
