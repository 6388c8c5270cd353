//! One provider's turn in a batch: a purchase of its own, for all records whose next step is the same.

use leadgate_aws::answers::Whose;
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::credits::ledger::PurchaseKind;
use leadgate_enrichment::ids::PurchaseId;
use leadgate_purchase::permits::Permits;

use crate::batch::Batch;

/// A provider's turn.
pub(crate) struct Turn<'a> {
    pub(crate) provider: &'a ProviderConnection,
    /// What is bought in it, is bought under this id.
    pub(crate) purchase: PurchaseId,
    /// Whether it only checks addresses.
    pub(crate) checks: bool,
}

impl<'a> Turn<'a> {
    /// Whose answers are kept for others.
    pub(crate) fn whose(&self, batch: &Batch<'a>) -> Whose<'a> {
        Whose::of(batch.tenant, self.provider)
    }

    /// What is bought.
    pub(crate) fn kind(&self, batch: &Batch<'_>) -> PurchaseKind {
        if self.checks { PurchaseKind::Verification } else { batch.tenant.kind.purchase() }
    }

    pub(crate) fn permits(&self, batch: &Batch<'a>) -> Permits<'a> {
        batch.permits(self.provider)
    }
}
