//! What any other system sends that tells of leads: whether it is the source's own, and which
//! records or people it is about.
//!
//! What a source looks like is configuration: a signature of one of the forms in [`signatures`](crate::signatures), and
//! places in its JSON.

mod read;
mod signals;

use jiff::Timestamp;
use leadgate_enrichment::config::{HookSignature, HookSource};

use crate::inbound::{Delivery, SignatureError, Unverified, Verified};
use crate::secret::Secret;
use crate::signatures::{basic, github, standard_webhooks, stripe, timestamped, token};

pub use self::read::{ITEMS_MAX, People, Told, told};
pub use self::signals::{About, Signal, Signals, signals};

/// Checks that a delivery comes from the source, with one of these secrets. Its bytes are checked before they are parsed, but
/// for a token in the body, for which alone they are.
pub fn verify(
    delivery: Delivery<Unverified>,
    source: &HookSource,
    secrets: Vec<Secret>,
    now: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    delivery.verified_by(|delivery| match &source.signature {
        HookSignature::StandardWebhooks => standard_webhooks::check(delivery, &secrets, now),
        HookSignature::GitHub => github::check(delivery, secrets),
        HookSignature::Stripe => stripe::check(delivery, secrets, now),
        HookSignature::Timestamped { signature, time } => timestamped::check(delivery, (signature, time), secrets, now),
        HookSignature::Basic => basic::check(delivery, secrets),
        HookSignature::HeaderToken(name) => token::check_header(delivery, name, secrets),
        HookSignature::BodyToken(at) => token::check_body(delivery, at, secrets),
    })
}
