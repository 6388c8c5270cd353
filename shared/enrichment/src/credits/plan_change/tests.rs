use super::*;
use crate::config::Config;
use crate::credits::Bucket;
use crate::credits::ledger::{Evidence, HoldLine, PurchaseKind};
use crate::credits::plan::Plan;
use crate::credits::wallet::{WalletId, WalletKind, due, unopened};

const NOW: &str = "2026-03-10T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn credits(count: i64) -> Amounts {
    Amounts::one(Bucket::new("credits"), Milli::credits(count))
}

/// The plan of the small file, written so.
fn plan(edits: &[(&str, &str)]) -> Plan {
    let text = edits.iter().fold(crate::config::example::FILE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is in the file");
        text.replace(from, to)
    });
    let config = Config::parse(&text, &crate::config::example::vendors()).expect("a good file");
    config.tenants.into_values().next().expect("a tenant").provider.plan
}

const OVERAGE: (&str, &str) =
    ("cycle = \"monthly\"", "cycle = \"monthly\"\noverage = { limit = { credits = 50 }, price = \"0.10 USD\" }");

fn named(changes: &[Change]) -> Vec<String> {
    let name = |change: &Change| match change {
        Change::Close { there, reason } => format!("{} {}", reason.word(), there.wallet.0),
        Change::Open { due } => format!("open {}", due.wallet.0),
        Change::Reopen { there, .. } => format!("reopen {}", there.wallet.0),
        Change::Reschedule { there, .. } => format!("reschedule {}", there.wallet.0),
        Change::Regrant { there, by } => format!("{} {by}", there.wallet.0),
        Change::Recount { there, closed, .. } => format!("count {} for {}", closed.wallet.0, there.wallet.0),
    };
    changes.iter().map(name).collect()
}

#[test]
fn what_is_configured_and_open_needs_nothing_and_what_was_filled_by_hand_is_left_alone() {
    let plan = plan(&[OVERAGE]);
    let due = due(&plan, at(NOW));
    let by_hand = [("grant-7", WalletKind::Plan), ("pack-inv-2026-01-15", WalletKind::Pack)];
    let by_hand = by_hand.map(|(name, kind)| {
        Wallet::open(WalletId(name.into()), kind, at("2026-01-01T00:00:00Z"), Timestamp::MAX, credits(5))
    });
    let there: Vec<Wallet> = due.iter().chain(&by_hand).cloned().collect();
    assert_eq!(changes(&due, &there, at(NOW)), []);
    assert_eq!(unopened(&due, &there, at(NOW)), []);
    assert_eq!(unopened(&due, &by_hand, at(NOW)), due);
}

#[test]
fn another_period_first_closes_then_opens_and_no_purchase_does_it() {
    let monthly = due(&plan(&[OVERAGE]), at(NOW));
    let annual = due(&plan(&[("cycle = \"monthly\"", "cycle = \"annual\"")]), at(NOW));
    let plan = changes(&annual, &monthly, at(NOW));
    assert_eq!(
        named(&plan),
        ["superseded plan-2026-02-28-2026-03-31", "removed overage-2026-02-28-2026-03-31"],
        "nothing opens before"
    );
    assert_eq!(unopened(&annual, &monthly, at(NOW)), [], "a worker waits for the release");

    let closed: Vec<Wallet> = monthly.iter().map(|wallet| Wallet { expires: at(NOW), ..wallet.clone() }).collect();
    assert_eq!(named(&changes(&annual, &closed, at(NOW))), ["open plan-2026-01-31-2027-01-31"]);
    assert_eq!(unopened(&annual, &closed, at(NOW)), annual, "the release died in between: a worker may");
    assert_eq!(overlapping(&annual[0], &closed).len(), 1, "and has to count what the first has given: {:?}", closed[0]);
    let back = changes(&monthly, &closed, at(NOW));
    assert_eq!(
        named(&back),
        ["reopen plan-2026-02-28-2026-03-31", "reopen overage-2026-02-28-2026-03-31"],
        "put back within the period"
    );
}

#[test]
fn a_wallet_with_an_old_name_is_superseded_and_the_one_before_it_in_time_is_no_matter() {
    let due = due(&plan(&[]), at(NOW));
    let old = |name: &str, opens: &str, expires: &str| {
        Wallet::open(WalletId(name.into()), WalletKind::Plan, at(opens), at(expires), credits(9))
    };
    let there = [
        old("plan-2026-01-31", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"),
        old("plan-2026-02-28", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"),
    ];
    assert_eq!(named(&changes(&due, &there, at(NOW))), ["superseded plan-2026-02-28"]);
    assert_eq!(overlapping(&due[0], &there), [&there[1]]);
}

#[test]
fn a_changed_grant_is_given_or_taken_as_far_as_it_goes() {
    let due = &due(&plan(&[]), at(NOW))[0];
    let grant = due.granted.clone();
    let with = |granted: i64, available: i64| Wallet {
        configured: Some(credits(granted)),
        granted: credits(granted),
        available: credits(available),
        ..due.clone()
    };
    let by = |there: Wallet| {
        let due = Wallet { configured: Some(credits(100)), granted: credits(100), ..due.clone() };
        let changes = changes(std::slice::from_ref(&due), std::slice::from_ref(&there), at(NOW));
        changes.into_iter().next().map(|change| match change {
            Change::Regrant { by, .. } => by.total().get() / 1000,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(by(with(100, 3)), None, "what is spent is no change of the grant");
    assert_eq!(by(with(60, 3)), Some(40));
    assert_eq!(by(with(150, 80)), Some(-50));
    assert_eq!(by(with(150, 20)), Some(-20), "the rest when more becomes available");
    assert_eq!(by(with(150, -5)), None);
    assert!(grant.total() > Milli::ZERO);
}

#[test]
fn another_time_zone_moves_the_time_of_the_same_wallet() {
    let utc = due(&plan(&[]), at(NOW));
    let there = [Wallet { expires: at("2026-03-31T05:00:00Z"), ..utc[0].clone() }];
    assert_eq!(named(&changes(&utc, &there, at(NOW))), [format!("reschedule {}", utc[0].wallet.0)]);
}

#[test]
fn what_was_given_since_the_period_began_is_carried_over_once() {
    let due = &due(&plan(&[]), at(NOW))[0];
    let other = Wallet { wallet: WalletId("plan-2026-02-10-2026-03-10".into()), ..due.clone() };
    let purchase =
        |time: &str| -> PurchaseId { PurchaseId::derive(&"acme".parse().expect("a tenant"), time, at(time)) };
    let slice = |wallet: &Wallet, count| Slice {
        wallet: wallet.wallet.clone(),
        bucket: Bucket::new("credits"),
        amount: Milli::credits(count),
    };
    let bought = |time: &str, slices: Vec<Slice>| Entry::Purchase {
        purchase: purchase(time),
        kind: PurchaseKind::Person,
        claim: None,
        provider: None,
        at: at(NOW),
        slices,
        excess: Amounts::default(),
        evidence: Evidence::Reported,
        price_version: String::new(),
        lines: Vec::new(),
    };
    let hold = |time: &str, count| Hold {
        purchase: purchase(time),
        claim: None,
        provider: None,
        kind: PurchaseKind::Person,
        held_at: at(time),
        claimed_until: at(time),
        price_version: String::new(),
        prices: Vec::new(),
        lines: Vec::<HoldLine>::new(),
        slices: vec![slice(&other, count)],
        unheld_from: None,
        caps: Vec::new(),
        values: None,
        asked: crate::credits::ledger::AskedAbout::default(),
    };
    let entries = [
        bought("2026-02-27T00:00:00Z", vec![slice(&other, 100)]),
        bought("2026-03-02T00:00:00Z", vec![slice(&other, 10), slice(due, 70)]),
        Entry::Adjust {
            wallet: other.wallet.clone(),
            amounts: credits(4),
            at: at(NOW),
            reference: "r".into(),
            reason: "why".into(),
        },
    ];
    let holds = [hold("2026-03-02T00:00:00Z", 30), hold("2026-03-03T00:00:00Z", 5), hold("2026-02-20T00:00:00Z", 50)];
    let carried = carried_over(due, &[&other], &holds, &entries);
    assert_eq!(carried, credits(4 - 10 - 5), "the first of the holds was settled meanwhile");

    let opening = Opening::of(&Wallet { granted: credits(10), configured: Some(credits(10)), ..due.clone() }, &carried);
    assert_eq!(opening.wallet.available.total(), Milli::ZERO, "no balance begins below zero");
    assert_eq!(opening.carried, credits(-10));
    assert_eq!(opening.wallet.configured, Some(credits(11)), "a greater grant makes up for the missing one first");

    let there = Wallet { spent: credits(30), held: credits(2), available: Amounts::default(), ..due.clone() };
    let again = Recounted::of(&Wallet { granted: credits(100), ..due.clone() }, &there, &credits(-11), &credits(1));
    assert_eq!((again.available, again.by, again.configured), (credits(58), credits(58), credits(100)));
}

#[test]
fn a_wallet_of_a_provider_with_another_place_now_is_found_by_what_it_grants() {
    let wallet = |name: &str, kind, bucket: &str| {
        let granted = Amounts::one(Bucket::new(bucket), Milli::credits(9));
        let wallet =
            Wallet::open(WalletId(name.into()), kind, at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"), granted);
        Wallet { configured: Some(wallet.granted.clone()), ..wallet }
    };
    let (plan, pack) = (WalletKind::Plan, WalletKind::Pack);
    let there = [
        wallet("plan-2026-03-01-2026-04-01", plan, "one"),
        wallet("two-plan-2026-02-15-2026-03-15", plan, "two"),
        wallet("pack-two-plan-2026-03-01-2026-04-01", pack, "one"),
    ];
    let names = ["one-", "two-"].map(str::to_owned);
    let found = |due: &[Wallet], now: &str| {
        let pairs = moved(due, &there, &names, at(now));
        pairs.into_iter().map(|(due, open)| (due.wallet.0.clone(), open.wallet.0.clone())).collect::<Vec<_>>()
    };
    let exchanged =
        [wallet("plan-2026-03-15-2026-04-15", plan, "two"), wallet("one-plan-2026-03-01-2026-04-01", plan, "one")];
    let pair = |due: &Wallet, open: &Wallet| (due.wallet.0.clone(), open.wallet.0.clone());
    assert_eq!(found(&exchanged, NOW), [pair(&exchanged[0], &there[1]), pair(&exchanged[1], &there[0])]);
    assert_eq!(found(&exchanged, "2026-04-01T00:00:00Z"), [], "what has closed stands in no way");
    let in_place =
        [wallet("plan-2026-03-01-2026-04-01", plan, "one"), wallet("plan-2026-03-05-2026-04-05", plan, "one")];
    assert_eq!(found(&in_place, NOW), [], "of the same place: another period, or none");
    let other = [
        wallet("one-plan-2026-03-01-2026-04-01", plan, "three"),
        wallet("pack-plan-2026-03-01-2026-04-01", pack, "one"),
    ];
    assert_eq!(found(&other, NOW), [], "another kind of credit, or of wallet");
}
