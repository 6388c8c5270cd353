//! Which record of the CRM each is.

use std::collections::HashSet;

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::enrolment::EnrolmentEnd;
use leadgate_enrichment::enrolment::request::Subject;
use leadgate_enrichment::ids::{Origin, RecordKey};
use leadgate_enrichment::retry::Retry;

use crate::batch::{Batch, Entry, Outcomes, in_turn, postponed};
use crate::call::{MINUTES, TROUBLE};

/// Those whose record is known, each once: another signal about the same person waits for the first. Beside them, those whom
/// the CRM doesn't have.
pub(crate) async fn resolve<'m>(
    batch: &Batch<'_>,
    entries: Vec<Entry<'m>>,
    outcomes: &mut Outcomes,
) -> (Vec<(Entry<'m>, RecordKey)>, Vec<Entry<'m>>) {
    let (mut known, mut absent, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for entry in entries {
        let record = match entry.subject {
            // A record of another CRM, which was the tenant's before: here the same id is another person's.
            Subject::Record(key) if key.origin.as_str() != batch.tenant.crm.vendor.name => Ok(None),
            Subject::Record(key) => Ok(Some(key.clone())),
            Subject::Person { .. } => find(batch, entry.subject).await,
        };
        match record {
            Ok(Some(record)) if seen.insert(record.clone()) => known.push((entry, record)),
            Ok(Some(_)) => outcomes.end(&entry, in_turn("another signal about them comes first", TROUBLE)),
            Ok(None) => absent.push(entry),
            Err(error) => outcomes.end(&entry, crm_trouble(&error)),
        }
    }
    (known, absent)
}

/// Whoever has the address, if the CRM has them.
async fn find(batch: &Batch<'_>, subject: &Subject) -> Result<Option<RecordKey>, CrmError> {
    let Some(email) = subject.email(&batch.tenant.id, &batch.key) else { return Ok(None) };
    let crm = batch.worker.connections.crm(batch.tenant).await;
    let crm = crm.map_err(|error| CrmError { reason: error.to_string(), retry: error.retry })?;
    let found = crm.find_person(&email).await?;
    Ok(found.map(|(object, id)| RecordKey {
        tenant: batch.tenant.id.clone(),
        origin: Origin::known(batch.tenant.crm.vendor.name),
        object,
        id,
    }))
}

/// What can't be asked of the CRM is not known, and nobody is enrolled on that.
pub(crate) fn crm_trouble(error: &CrmError) -> EnrolmentEnd {
    let after = match error.retry {
        Retry::After(after) => after,
        Retry::Backoff => TROUBLE,
        Retry::Never => MINUTES,
    };
    postponed(error.reason.clone(), after)
}
