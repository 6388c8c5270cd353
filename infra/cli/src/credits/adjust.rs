//! `leadgate credits adjust`: a wallet put right by hand, once.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_aws::credits::Adjusted;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::wallet::{Wallet, WalletId};
use leadgate_enrichment::credits::{Amounts, Milli};
use serde_json::{Value, json};

use super::words::{amounts, decimals, moment, signed, time};
use super::{Answer, Failure, asked};
use crate::books::Books;

/// What is put right.
#[derive(clap::Args)]
pub(super) struct Adjustment {
    /// The wallet, as `show` names it.
    #[arg(long)]
    pub(super) wallet: String,
    /// By how much of which kind: credits=-5 takes five away, credits=5 adds them.
    #[arg(long, value_name = "KIND=NUMBER,…", value_parser = asked::amounts)]
    pub(super) amounts: Amounts,
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT", value_parser = asked::reason)]
    pub(super) reason: String,
    /// Your own id for it: under the same one it is made once. A-Z, a-z, 0-9, '-', '_', '.'.
    #[arg(long, value_parser = asked::reference)]
    pub(super) reference: String,
}

/// How it ended.
pub(super) struct Made {
    /// Whether it was done now.
    pub(super) is_new: bool,
    wallet: WalletId,
    amounts: Amounts,
    reason: String,
    at: Timestamp,
    available: Amounts,
    place: String,
    zone: TimeZone,
}

pub(super) async fn adjust(books: &Books, asked: &Adjustment) -> Result<Made, Failure> {
    let wallet = WalletId(asked.wallet.clone());
    if let Some(made) = made_before(books, asked, &wallet).await? {
        return Ok(made);
    }
    asked::check_kinds(&asked.amounts, books.tenant())?;
    let there = find(books, &wallet).await?;
    refuse_what_is_over(&there, &asked.amounts, books)?;
    let entry = Entry::Adjust {
        wallet: wallet.clone(),
        amounts: asked.amounts.clone(),
        at: books.now,
        reference: asked.reference.clone(),
        reason: asked.reason.clone(),
    };
    match books.credits.adjust(&books.tenant, &entry).await? {
        Adjusted::Now => made(books, true, wallet, &asked.amounts, &asked.reason, books.now).await,
        // Somebody else has just made it, under the same reference.
        Adjusted::Before => match made_before(books, asked, &wallet).await? {
            Some(made) => Ok(made),
            None => Err(format!("the adjustment {} came and went", asked.reference).into()),
        },
        Adjusted::Short => {
            let there = find(books, &wallet).await?;
            Err(format!(
                "{} has {} available, expected at least what is to be taken away: {}. Nothing was changed",
                asked.wallet,
                amounts(&there.available),
                signed(&asked.amounts),
            )
            .into())
        }
    }
}

/// The same again is no harm; something else under the same reference is a mistake.
async fn made_before(books: &Books, asked: &Adjustment, wallet: &WalletId) -> Result<Option<Made>, Failure> {
    for entry in books.credits.entries(&books.tenant).await? {
        let Entry::Adjust { wallet: other, amounts: by, at, reference, reason } = entry else { continue };
        if reference != asked.reference {
            continue;
        }
        if (&other, &by) == (wallet, &asked.amounts) {
            return made(books, false, other, &by, &reason, at).await.map(Some);
        }
        return Err(format!(
            "reference {reference} stands for {} in {} already, made {}; found {} in {} now. Nothing was changed: \
             take another reference",
            signed(&by),
            other.0,
            time(at, books.zone()),
            signed(&asked.amounts),
            wallet.0,
        )
        .into());
    }
    Ok(None)
}

async fn made(
    books: &Books,
    is_new: bool,
    wallet: WalletId,
    by: &Amounts,
    reason: &str,
    at: Timestamp,
) -> Result<Made, Failure> {
    let available = find(books, &wallet).await?.available;
    let (amounts, reason, zone) = (by.clone(), reason.to_owned(), books.zone().clone());
    let place = format!("tenant {}, {}", books.tenant, books.place);
    Ok(Made { is_new, wallet, amounts, reason, at, available, place, zone })
}

async fn find(books: &Books, wallet: &WalletId) -> Result<Wallet, Failure> {
    let wallets = books.credits.wallets(&books.tenant).await?;
    let names: Vec<&str> = wallets.iter().map(|there| there.wallet.0.as_str()).collect();
    let unknown = match names.is_empty() {
        true => format!("found wallet {:?}, but no wallet has been opened yet", wallet.0),
        false => format!("found wallet {:?}, expected one that is there: {}", wallet.0, names.join(", ")),
    };
    wallets.into_iter().find(|there| there.wallet == *wallet).ok_or_else(|| unknown.into())
}

/// What is added to a wallet whose time is over could never be spent.
fn refuse_what_is_over(wallet: &Wallet, by: &Amounts, books: &Books) -> Result<(), Failure> {
    let adds = by.iter().any(|(_, amount)| amount > Milli::ZERO);
    if adds && wallet.expires <= books.now {
        let ended = moment(wallet.expires, books.zone());
        let name = &wallet.wallet.0;
        return Err(format!("{name} ended {ended}: nothing in it can be spent any more. `grant` instead").into());
    }
    Ok(())
}

impl Answer for Made {
    fn text(&self) -> String {
        let (by, wallet, left) = (signed(&self.amounts), &self.wallet.0, amounts(&self.available));
        if self.is_new {
            return format!("Adjusted {wallet} by {by}; {left} available in it now.\n({})", self.place);
        }
        let at = time(self.at, &self.zone);
        let (reason, place) = (&self.reason, &self.place);
        format!("Already made: {wallet} was adjusted by {by} {at} ({reason}). Nothing was changed.\n({place})")
    }

    fn json(&self) -> Value {
        json!({
            "adjusted": if self.is_new { "now" } else { "before" }, "place": self.place,
            "wallet": self.wallet, "amounts": decimals(&self.amounts), "reason": self.reason, "at": self.at,
            "available": decimals(&self.available),
        })
    }
}
