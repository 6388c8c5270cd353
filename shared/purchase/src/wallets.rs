//! The wallets a tenant may spend from now.

use jiff::Timestamp;
use leadgate_aws::credits::Credits;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::carry::{after_carrying, carried, is_charged_on_arrival};
use leadgate_enrichment::credits::ledger::{Entry, Hold, Slice};
use leadgate_enrichment::credits::plan_change::{Opening, Recounted, carried_over, overlapping};
use leadgate_enrichment::credits::price::Action;
use leadgate_enrichment::credits::wallet::{Wallet, WalletKind, burn_order, unopened};
use tracing::{info, warn};

/// The wallets of one tenant, as its configuration wants them.
#[derive(Clone, Copy)]
pub struct TenantWallets<'a> {
    /// Where they are.
    pub credits: &'a Credits,
    /// Whose they are, with the plan.
    pub tenant: &'a Tenant,
}

/// Those of `wallets` that may pay for `action`: see [`TenantWallets::spendable`].
pub fn spendable(mut wallets: Vec<Wallet>, action: Action, now: Timestamp, until: Timestamp) -> Vec<Wallet> {
    wallets.retain(|wallet| wallet.is_spendable(now, until));
    burn_order(wallets, action, now)
}

impl TenantWallets<'_> {
    /// The wallets that may pay for `action` at `now`, in burn order, for a purchase that may be at work until `until`.
    /// A wallet that closes before that is not among them: what is held in it could be charged after its time.
    pub async fn spendable(&self, action: Action, now: Timestamp, until: Timestamp) -> Result<Vec<Wallet>, StoreError> {
        Ok(spendable(self.opened(now).await?, action, now, until))
    }

    /// All wallets, with those that are due open, and every hold where it belongs. What is due is opened unless another
    /// wallet of its series is open: that is a change of the plan, which is the release's to make.
    pub async fn opened(&self, now: Timestamp) -> Result<Vec<Wallet>, StoreError> {
        let wallets = self.credits.wallets(&self.tenant.id).await?;
        let (due, there) = self.tenant.in_place(&wallets, now);
        let missing = unopened(&due, &there, now);
        if missing.is_empty() {
            return self.carry(wallets, now).await;
        }
        for due in &missing {
            self.open(due, &wallets, now).await?;
        }
        self.carry(self.credits.wallets(&self.tenant.id).await?, now).await
    }

    /// Opens a wallet, with its grant less what other wallets of its series have given in the same period: there are
    /// none, unless the plan was changed. `false` when it was open before.
    pub async fn open(&self, due: &Wallet, wallets: &[Wallet], now: Timestamp) -> Result<bool, StoreError> {
        let found = self.before_opening(due, wallets, is_charged_on_arrival).await?;
        let mut opening = Opening::of(due, &found.carried);
        opening.wallet.carrying = found.is_awaited;
        let is_new = self.credits.open_configured(&self.tenant.id, due, &opening, now).await?;
        if is_new && !opening.carried.is_zero() {
            let (tenant, wallet, carried) = (&self.tenant.id, &due.wallet.0, &opening.carried);
            warn!(%tenant, wallet, %carried, "a wallet of a changed plan opens with what the one before it has given");
        }
        Ok(is_new)
    }

    /// Opens a wallet again that was closed, with what it has not given yet. `false` when it has moved meanwhile.
    pub async fn reopen(
        &self,
        due: &Wallet,
        there: &Wallet,
        wallets: &[Wallet],
        now: Timestamp,
    ) -> Result<Option<Recounted>, StoreError> {
        let recount = self.recounted(due, there, wallets, now).await?;
        let is_done = self.credits.reopen(&self.tenant.id, due, there, &recount, now).await?;
        Ok(is_done.then_some(recount))
    }

    /// Gives an open wallet what it has once what `closed` got back is counted, and takes that out of `closed`. `None` when
    /// either has moved meanwhile.
    pub async fn recount(
        &self,
        due: &Wallet,
        (closed, open): (&Wallet, &Wallet),
        wallets: &[Wallet],
        now: Timestamp,
    ) -> Result<Option<Recounted>, StoreError> {
        let counted = self.recounted(due, open, wallets, now).await?;
        let is_done = self.credits.recount(&self.tenant.id, (closed, open), &counted, now).await?;
        Ok(is_done.then_some(counted))
    }

    /// What a wallet has when everything is counted that it and others of its series have given.
    async fn recounted(
        &self,
        due: &Wallet,
        there: &Wallet,
        wallets: &[Wallet],
        now: Timestamp,
    ) -> Result<Recounted, StoreError> {
        // Into an open wallet nothing is moved any more: what could not be stays held, and counts, where it is.
        let is_open = there.is_open(now);
        let found = self.before_opening(due, wallets, |hold| !is_open && is_charged_on_arrival(hold)).await?;
        let adjusted = |entry: &Entry| match entry {
            Entry::Adjust { wallet, amounts, .. } if *wallet == due.wallet => Some(amounts.clone()),
            _ => None,
        };
        let adjusted: Vec<Amounts> = found.entries.iter().filter_map(adjusted).collect();
        let counted = Recounted::of(due, there, &found.carried, &adjusted.iter().sum());
        Ok(Recounted { carrying: found.is_awaited, ..counted })
    }

    /// What has to be said of the wallets before it when `due` opens, and the holds that move are moved into it.
    async fn before_opening(
        &self,
        due: &Wallet,
        wallets: &[Wallet],
        moves: impl Fn(&Hold) -> bool,
    ) -> Result<Before, StoreError> {
        let others = overlapping(due, wallets);
        let is_there = wallets.iter().any(|wallet| wallet.wallet == due.wallet);
        let is_plan = due.kind == WalletKind::Plan && !wallets.is_empty();
        let mut before = Before { carried: Amounts::default(), entries: Vec::new(), is_awaited: false };
        if !(is_plan || is_there) && others.is_empty() {
            return Ok(before);
        }
        // Holds first: what is settled in between is in both, and counts once.
        let (moving, staying): (Vec<Hold>, Vec<Hold>) =
            self.credits.open_holds(&self.tenant.id).await?.into_iter().partition(moves);
        before.is_awaited = is_plan && !moving.is_empty();
        if is_there || !others.is_empty() {
            before.entries = self.credits.given_since(&self.tenant.id, due.opens).await?;
            // What moves is held in the new wallet itself.
            before.carried = carried_over(due, &others, &staying, &before.entries);
        }
        Ok(before)
    }

    /// Moves the holds of asynchronous purchases out of wallets that have closed, and opens for all what has waited for
    /// that. A run that dies leaves the rest, and the mark on the wallet, to the next that needs the wallet. Gives the
    /// wallets as they are then: those that were given, if there was nothing to do.
    pub async fn carry(&self, mut wallets: Vec<Wallet>, now: Timestamp) -> Result<Vec<Wallet>, StoreError> {
        let tenant = &self.tenant.id;
        for _ in 0..CARRY_ROUNDS_MAX {
            if !may_have_to_carry(&wallets, now) {
                break;
            }
            let has_moved = match self.carry_all(&mut wallets, now).await? {
                Carried::Whole { has_moved } => has_moved,
                Carried::InPart => {
                    wallets = self.credits.wallets(tenant).await?;
                    continue;
                }
            };
            if !has_moved && !wallets.iter().any(|wallet| wallet.carrying) {
                break;
            }
            for wallet in wallets.iter().filter(|wallet| wallet.carrying) {
                self.credits.end_carrying(tenant, &wallet.wallet).await?;
            }
            return self.credits.wallets(tenant).await;
        }
        Ok(wallets)
    }

    /// Moves what has to be moved, in the store and in the wallets that were read.
    async fn carry_all(&self, wallets: &mut [Wallet], now: Timestamp) -> Result<Carried, StoreError> {
        let (tenant, mut moves) = (&self.tenant.id, 0);
        for hold in self.credits.open_holds(tenant).await? {
            let Some(slices) = carried(&hold, wallets, now) else { continue };
            if moves == MOVES_MAX || !self.credits.move_hold(tenant, &hold, &slices, now).await? {
                return Ok(Carried::InPart);
            }
            moves += 1;
            after_carrying(wallets, &hold.slices, &slices);
            let is_short = slices.iter().any(|slice| hold.slices.contains(slice) && !is_open(wallets, slice, now));
            match is_short {
                false => info!(%tenant, purchase = %hold.purchase, "a hold has moved to the new cycle's wallets"),
                true => warn!(%tenant, purchase = %hold.purchase, "the new cycle's wallets can't take all of a hold"),
            }
        }
        Ok(Carried::Whole { has_moved: moves > 0 })
    }
}

/// How far moving the holds has come.
enum Carried {
    /// Every hold is where it belongs.
    Whole {
        /// Whether one was elsewhere before.
        has_moved: bool,
    },
    /// Something else has moved meanwhile, or there are too many for one go.
    InPart,
}

/// What there is to count when a wallet opens.
struct Before {
    /// What other wallets of its series have given in its period.
    carried: Amounts,
    entries: Vec<Entry>,
    /// Whether holds are to be moved into it.
    is_awaited: bool,
}

/// Whether a hold may have to be moved: a wallet opened while some were held in the one before it, or one has closed with
/// something held in it. What can't be moved stays there, so that this may be so for as long as a result takes.
fn may_have_to_carry(wallets: &[Wallet], now: Timestamp) -> bool {
    wallets.iter().any(|wallet| if wallet.is_open(now) { wallet.carrying } else { !wallet.held.is_zero() })
}

fn is_open(wallets: &[Wallet], slice: &Slice, now: Timestamp) -> bool {
    wallets.iter().any(|wallet| wallet.wallet == slice.wallet && wallet.is_open(now))
}

/// The most holds that are moved in one go: each is a transaction, and a worker that begins a cycle has a minute. The
/// wallet stays closed to other purchases meanwhile.
const MOVES_MAX: usize = 200;
/// How often moving starts again from what is there, because other runs move or settle the same holds.
const CARRY_ROUNDS_MAX: usize = 8;
