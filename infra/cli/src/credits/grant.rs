//! `leadgate credits grant` and `top-up`: credits put in by hand, once.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadgate_aws::credits::Granted;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind};
use leadgate_enrichment::credits::{Amounts, Milli};
use serde_json::{Value, json};

use super::words::{amounts, decimals, first_instant, leads, moment, time};
use super::{Answer, Failure, asked, origin};
use crate::books::Books;

/// What is put in.
#[derive(clap::Args)]
pub(super) struct Gift {
    /// How much of which kind: credits=500, or email=200,mobile=20.
    #[arg(long, visible_alias = "bucket-amounts", value_name = "KIND=NUMBER,…", value_parser = asked::amounts)]
    pub(super) amounts: Amounts,
    /// The payment or decision that it goes back to: A-Z, a-z, 0-9, '-', '_', '.'.
    #[arg(long, value_parser = asked::reference)]
    pub(super) reference: String,
    /// The first day on which they can't be spent any more. Without it, they never expire.
    #[arg(long, value_name = "DAY", value_parser = asked::day)]
    pub(super) expires: Option<Date>,
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT", value_parser = asked::reason)]
    pub(super) reason: Option<String>,
}

/// What for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Given.
    Grant,
    /// Paid for.
    TopUp,
}

/// How it ended.
pub(super) struct Put {
    /// Whether it was done now.
    pub(super) is_new: bool,
    pub(super) wallet: WalletId,
    amounts: Amounts,
    reference: String,
    granted_at: Timestamp,
    expires: Timestamp,
    waiting: usize,
    place: String,
    zone: TimeZone,
}

/// When what never expires does: 31 December 9998 is for good, and survives every time zone.
const NEVER: Date = jiff::civil::date(9998, 12, 31);
/// Leads that wait are mentioned, not counted to the last.
const WAITING_MAX: usize = 1000;

pub(super) async fn put(books: &Books, kind: Kind, gift: &Gift) -> Result<Put, Failure> {
    let (tenant, now) = (books.tenant(), books.now);
    asked::check_kinds(&gift.amounts, tenant)?;
    if let Some((bucket, amount)) = gift.amounts.iter().find(|(_, amount)| *amount < Milli::ZERO) {
        return Err(format!("found {amount} {bucket}, expected more than nothing: `adjust` takes credits away").into());
    }
    let wallet = wallet(tenant, kind, gift, now)?;
    let entered = origin::with_reason(&gift.reference, gift.reason.as_deref());
    let granted = books.credits.open(&tenant.id, &wallet, Some(&entered), now).await?;
    let put = |is_new, granted_at, expires, waiting| Put {
        is_new,
        wallet: wallet.wallet.clone(),
        amounts: gift.amounts.clone(),
        reference: gift.reference.clone(),
        granted_at,
        expires,
        waiting,
        place: format!("tenant {}, {}", tenant.id, books.place),
        zone: tenant.time_zone.clone(),
    };
    if granted == Granted::Now {
        let waiting = books.records.deferred(&tenant.id, WAITING_MAX).await?.len();
        return Ok(put(true, now, wallet.expires, waiting));
    }
    let there = books.credits.wallets(&tenant.id).await?.into_iter().find(|there| there.wallet == wallet.wallet);
    let (at, first, by_hand) = first_grant(books, &wallet.wallet).await?;
    if !by_hand {
        return Err(taken(&gift.reference, &wallet.wallet));
    }
    if granted == Granted::Before {
        return Ok(put(false, at, there.map_or(wallet.expires, |there| there.expires), 0));
    }
    Err(format!(
        "reference {} stands for {} already, granted {} into {}; found {} now. Nothing was changed: take another \
         reference, or `adjust` the wallet",
        gift.reference,
        amounts(&first),
        time(at, books.zone()),
        wallet.wallet.0,
        amounts(&gift.amounts),
    )
    .into())
}

fn wallet(tenant: &Tenant, kind: Kind, gift: &Gift, now: Timestamp) -> Result<Wallet, Failure> {
    let zone = &tenant.time_zone;
    let expires = first_instant(gift.expires.unwrap_or(NEVER), zone);
    if expires <= now {
        let (found, today) = (moment(expires, zone), time(now, zone));
        return Err(format!("found {found} for --expires, expected a day after the present, {today}").into());
    }
    let (name, kind) = match kind {
        Kind::Grant => (WalletId(format!("grant-{}", gift.reference)), WalletKind::Plan),
        Kind::TopUp => (WalletId(format!("pack-{}", gift.reference)), WalletKind::Pack),
    };
    // Otherwise the plan's own pack would find its wallet open, and never come.
    let is_of_plan = |pack: &str| name.0 != name.series() && name.series() == format!("pack-{pack}");
    if kind == WalletKind::Pack && tenant.provider.plan.packs.iter().any(|pack| is_of_plan(&pack.name)) {
        return Err(taken(&gift.reference, &name));
    }
    Ok(Wallet::open(name, kind, now, expires, gift.amounts.clone()))
}

fn taken(reference: &str, wallet: &WalletId) -> Failure {
    format!("found reference {reference}, expected another: {} is the name of a wallet of the plan's own", wallet.0)
        .into()
}

/// When the wallet was filled, with how much, and whether somebody did it by hand.
async fn first_grant(books: &Books, wallet: &WalletId) -> Result<(Timestamp, Amounts, bool), Failure> {
    let entries = books.credits.entries(&books.tenant).await?;
    let grant = entries.into_iter().find_map(|entry| match entry {
        Entry::Grant { wallet: filled, amounts, at, reference } if filled == *wallet => {
            Some((at, amounts, reference.is_some()))
        }
        _ => None,
    });
    grant.ok_or_else(|| format!("the ledger has no entry for wallet {}, which is there", wallet.0).into())
}

impl Answer for Put {
    fn text(&self) -> String {
        let (amounts, wallet, at) = (amounts(&self.amounts), &self.wallet.0, time(self.granted_at, &self.zone));
        let place = &self.place;
        let life = match moment(self.expires, &self.zone).as_str() {
            "never" => "never expires".to_owned(),
            day => format!("expires {day}"),
        };
        if !self.is_new {
            return format!(
                "Already granted: {wallet} got {amounts} {at}, and {life}. Nothing was changed.\n({place})"
            );
        }
        let waiting = match self.waiting {
            0 => String::new(),
            WAITING_MAX.. => {
                format!("\n{WAITING_MAX} leads or more wait: the next release takes up what can be paid for.")
            }
            1 => "\n1 lead waits: the next release takes it up if it can be paid for.".to_owned(),
            some => format!("\n{} wait: the next release takes up what can be paid for.", leads(some)),
        };
        format!("Granted {amounts} into {wallet}, which can be spent from now and {life}.{waiting}\n({place})")
    }

    fn json(&self) -> Value {
        json!({
            "granted": if self.is_new { "now" } else { "before" }, "place": self.place,
            "wallet": self.wallet, "amounts": decimals(&self.amounts), "reference": self.reference,
            "at": self.granted_at, "expires": self.expires,
        })
    }
}
