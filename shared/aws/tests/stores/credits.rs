use futures_util::future::join_all;
use leadgate_aws::credits::{Credits, Granted, Holding, Resolved, Standing};
use leadgate_enrichment::credits::ledger::{AskedAbout, Entry, Hold, HoldLine, PurchaseKind, Slice};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::PurchaseId;

use crate::{acme, at, database};

const FREE: [Milli; 1] = [Milli::ZERO];

async fn credits() -> Credits {
    let credits = Credits::new(&database("credits", &["tenant", "item"]).await, "credits");
    let granted = credits.open(&acme(), &wallet(5), Some("invoice-1"), at(0)).await.expect("an answer");
    assert_eq!(granted, Granted::Now);
    credits
}

fn amounts(credits: i64) -> Amounts {
    [(Bucket::new("credits"), Milli::new(credits * 1000))].into_iter().collect()
}

fn wallet(credits: i64) -> Wallet {
    Wallet {
        wallet: WalletId("pack".to_owned()),
        kind: WalletKind::Pack,
        only: None,
        opens: at(0),
        expires: at(10_000),
        granted: amounts(credits),
        available: amounts(credits),
        held: Amounts::default(),
        spent: Amounts::default(),
        expired: Amounts::default(),
        configured: None,
        carrying: false,
    }
}

fn hold(number: usize) -> Hold {
    let slice = Slice { wallet: WalletId("pack".to_owned()), bucket: Bucket::new("credits"), amount: Milli::new(1000) };
    Hold {
        purchase: PurchaseId::derive(&acme(), &format!("invocation {number}"), at(1)),
        claim: None,
        provider: None,
        kind: PurchaseKind::Person,
        held_at: at(1),
        claimed_until: at(60),
        price_version: "2026".to_owned(),
        prices: Vec::new(),
        lines: vec![HoldLine {
            subject: format!("acme#crm#contact#{number}").parse().expect("a record's name"),
            worst: amounts(1),
            caps: Vec::new(),
        }],
        slices: vec![slice],
        unheld_from: None,
        caps: Vec::new(),
        values: None,
        asked: AskedAbout::default(),
    }
}

/// What is available, held and spent, in whole credits.
async fn standing(credits: &Credits) -> [i64; 3] {
    let wallet = credits.wallets(&acme()).await.expect("wallets").remove(0);
    [wallet.available, wallet.held, wallet.spent].map(|amounts| amounts.total().get() / 1000)
}

#[tokio::test]
async fn of_twenty_at_the_same_time_as_many_hold_as_there_are_credits() {
    let credits = credits().await;
    let holds: Vec<Hold> = (0..20).map(hold).collect();
    let tenant = acme();
    let tries = holds.iter().map(|hold| credits.hold(&tenant, hold, &FREE, &[]));
    let held = join_all(tries).await.into_iter().filter(|tried| matches!(tried, Ok(Holding::Held))).count();
    assert_eq!(held, 5);
    assert_eq!(standing(&credits).await, [0, 5, 0]);
    assert_eq!(credits.open_holds(&tenant).await.expect("holds").len(), 5);
}

#[tokio::test]
async fn a_hold_is_made_once_and_resolved_once() {
    let (credits, tenant, hold) = (credits().await, acme(), hold(1));
    for _ in 0..3 {
        let holding = credits.hold(&tenant, &hold, &FREE, &[]).await.expect("an answer");
        assert_eq!(holding, Holding::Held, "a repeat is a success");
    }
    assert_eq!(standing(&credits).await, [4, 1, 0]);
    assert_eq!(credits.void(&tenant, &hold).await.expect("an answer"), Resolved::Now);
    assert_eq!(credits.void(&tenant, &hold).await.expect("an answer"), Resolved::Before);
    assert_eq!(standing(&credits).await, [5, 0, 0]);
    let known = credits.standing(&tenant, std::slice::from_ref(&hold.purchase)).await.expect("an answer");
    assert_eq!(known[&hold.purchase], Standing::Nothing);
}

#[tokio::test]
async fn the_same_grant_twice_is_one_grant() {
    let (credits, tenant) = (credits().await, acme());
    let again = credits.open(&tenant, &wallet(5), Some("invoice-1"), at(9)).await.expect("an answer");
    assert_eq!(again, Granted::Before);
    let other = credits.open(&tenant, &wallet(7), Some("invoice-2"), at(9)).await.expect("an answer");
    assert!(matches!(other, Granted::Conflict(there) if there.granted == amounts(5)));
    let grants = credits.entries(&tenant).await.expect("entries");
    assert!(matches!(grants.as_slice(), [Entry::Grant { amounts: granted, .. }] if *granted == amounts(5)));
}
