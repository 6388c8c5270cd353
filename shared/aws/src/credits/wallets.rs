//! What goes into wallets, and what is left of them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use leadgate_enrichment::credits::cap::Used;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::money::{Currency, Money};
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::TenantId;

use super::Credits;
use super::items::{ADJUST, CAP, EXPIRE, GRANT, ITEM, MONEY, USED, WALLET, range_key};
use crate::error::StoreError;
use crate::table::{Committed, Item};
use crate::usage::Step;

/// How a grant ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// The wallet is open.
    Now,
    /// It was open already, with the same grant: nothing was changed, however much has been spent from it.
    Before,
    /// A wallet of that name was granted something else.
    Conflict(Box<Wallet>),
}

/// How an adjustment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjusted {
    /// It is made.
    Now,
    /// It had been made already, under the same reference.
    Before,
    /// There is no such wallet, or less in it than was to be taken away. Nothing was changed.
    Short,
}

impl Credits {
    /// Opens a wallet with its grant. Doing it again changes nothing. `reference` is the payment or decision that the
    /// grant goes back to.
    pub async fn open(
        &self,
        tenant: &TenantId,
        wallet: &Wallet,
        reference: Option<&str>,
        at: Timestamp,
    ) -> Result<Granted, StoreError> {
        let (name, amounts) = (wallet.wallet.clone(), wallet.granted.clone());
        let entry = Entry::Grant { wallet: name, amounts, at, reference: reference.map(str::to_owned) };
        let mut transaction = self.transaction(tenant, Step::Open, "opening a wallet");
        transaction.put_new(&range_key(WALLET, &wallet.wallet.0), wallet)?;
        transaction.put_new(&range_key(GRANT, &wallet.wallet.0), &entry)?;
        if let Committed::Now = transaction.commit().await? {
            return Ok(Granted::Now);
        }
        let there = self.get(tenant, [range_key(GRANT, &wallet.wallet.0)].into_iter()).await?;
        let first = there.into_iter().next().and_then(|item| serde_dynamo::from_item::<_, Entry>(item).ok());
        let same = matches!(&first, Some(Entry::Grant { amounts, .. }) if *amounts == wallet.granted);
        if same {
            return Ok(Granted::Before);
        }
        let wallets = self.wallets(tenant).await?;
        let there = wallets.into_iter().find(|there| there.wallet == wallet.wallet);
        let missing = || StoreError::exhausted("opening a wallet", "it came and went");
        Ok(Granted::Conflict(Box::new(there.ok_or_else(missing)?)))
    }

    /// Puts a balance right by hand. The entry's reference makes a repeat harmless.
    pub async fn adjust(&self, tenant: &TenantId, entry: &Entry) -> Result<Adjusted, StoreError> {
        let doing = "adjusting a balance";
        let Entry::Adjust { wallet, amounts, reference, .. } = entry else {
            return Err(StoreError::unreadable(doing, "only an adjustment adjusts"));
        };
        let name = range_key(ADJUST, reference);
        let mut transaction = self.transaction(tenant, Step::Open, doing);
        transaction.put_new(&name, entry)?;
        transaction.adjust(&wallet.0, amounts)?;
        if let Committed::Now = transaction.commit().await? {
            return Ok(Adjusted::Now);
        }
        let made = !self.get(tenant, [name].into_iter()).await?.is_empty();
        Ok(if made { Adjusted::Before } else { Adjusted::Short })
    }

    /// Enters what is left in a wallet whose time is over as gone unused. Gives how much, if it was done now: if
    /// another run was faster, or a hold was freed in between, the next run sees to it.
    pub async fn expire(
        &self,
        tenant: &TenantId,
        wallet: &Wallet,
        at: Timestamp,
    ) -> Result<Option<Amounts>, StoreError> {
        let left: Amounts = wallet
            .available
            .iter()
            .filter(|(_, amount)| *amount > Milli::ZERO)
            .map(|(bucket, amount)| (bucket.clone(), amount))
            .collect();
        if left.is_zero() || wallet.is_open(at) || at < wallet.opens {
            return Ok(None);
        }
        let entry = Entry::Expire { wallet: wallet.wallet.clone(), amounts: left.clone(), at };
        let mut transaction = self.transaction(tenant, Step::Open, "expiring a wallet");
        // What was expired before tells one expiry of a wallet from the next.
        let name = format!("{}#{}", wallet.wallet.0, wallet.expired.total().get());
        transaction.put_new(&range_key(EXPIRE, &name), &entry)?;
        transaction.expire(&wallet.wallet.0, &left)?;
        Ok(match transaction.commit().await? {
            Committed::Now => Some(left),
            Committed::Refused => None,
        })
    }

    /// What counts towards each of these caps.
    pub async fn used(&self, tenant: &TenantId, caps: &[String]) -> Result<BTreeMap<String, Used>, StoreError> {
        let items = self.get(tenant, caps.iter().map(|cap| range_key(CAP, cap))).await?;
        Ok(items.iter().filter_map(cap_of).collect())
    }
}

fn cap_of(item: &Item) -> Option<(String, Used)> {
    let Some(AttributeValue::S(name)) = item.get(ITEM) else { return None };
    let counted = |prefix: &'static str| {
        item.iter().filter_map(move |(name, value)| {
            let (of, AttributeValue::N(amount)) = (name.strip_prefix(prefix)?, value) else { return None };
            Some((of, amount.parse::<i64>().ok()?))
        })
    };
    let credits = counted(USED).map(|(bucket, amount)| (Bucket::new(bucket), Milli::new(amount))).collect();
    let money = counted(MONEY).filter_map(|(code, amount)| Some((Currency::read(code)?, Money::new(amount)))).collect();
    Some((name.strip_prefix(CAP)?.strip_prefix('#')?.to_owned(), Used { credits, money }))
}
