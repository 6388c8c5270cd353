//! Where the credits of a wallet come from, in words.

use jiff::tz::TimeZone;
use leadgate_enrichment::credits::wallet::{Wallet, WalletKind};

use super::words::moment;

/// Stands between a reference and the reason that was given with it. No reference contains it.
const REASON: &str = ": ";

/// What is entered as a grant's reference: the ledger has no place of its own for the reason.
pub(super) fn with_reason(reference: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| reference.to_owned(), |reason| format!("{reference}{REASON}{reason}"))
}

/// A grant's reference, and the reason that was given with it.
pub(super) fn without_reason(entered: &str) -> (&str, Option<&str>) {
    entered.split_once(REASON).map_or((entered, None), |(reference, reason)| (reference, Some(reason)))
}

/// Why a wallet was filled: `the plan's grant, until 2026-02-01`.
pub(super) fn of_grant(wallet: Option<&Wallet>, reference: Option<&str>, zone: &TimeZone) -> String {
    let until = wallet.map(|wallet| moment(wallet.expires, zone));
    let until = match until.as_deref() {
        None => String::new(),
        Some("never") => ", never expires".to_owned(),
        Some(until) => format!(", until {until}"),
    };
    let kind = wallet.map(|wallet| wallet.kind);
    if let Some((reference, reason)) = reference.map(without_reason) {
        let what = if kind == Some(WalletKind::Pack) { "topped up, payment" } else { "granted by hand, reference" };
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        return format!("{what} {reference}{reason}{until}");
    }
    let what = match kind {
        Some(WalletKind::Plan) => "the plan's grant",
        Some(WalletKind::Pack) => "a pack of the plan",
        Some(WalletKind::Trial) => "the trial",
        Some(WalletKind::Allowance) => "what is free",
        Some(WalletKind::Overage) => "what is permitted beyond the plan",
        None => "a wallet that is no longer there",
    };
    format!("{what}{until}")
}
