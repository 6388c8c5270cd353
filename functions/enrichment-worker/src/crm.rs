//! Reading and writing records in the tenant's CRM: by kind of record, and as many in a call as the CRM takes.

use std::collections::BTreeMap;

use leadgate_aws::usage::Step;
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::ids::{ObjectType, RecordKey};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::outcome::{FailReason, Outcome};
use leadgate_enrichment::person::Properties;
use tracing::{error, warn};

use crate::batch::Batch;
use crate::outcomes::Outcomes;

/// The current values of `properties` for each of the records. One that the CRM doesn't have is absent, and so is one of
/// another CRM, which was the tenant's before: here the same id is another person's.
pub(crate) async fn read<'r>(
    batch: &Batch<'_>,
    records: impl IntoIterator<Item = &'r RecordKey>,
    properties: &[&str],
) -> Result<BTreeMap<RecordKey, Properties>, CrmError> {
    let crm = connect(batch).await?;
    let mut found = BTreeMap::new();
    let origin = batch.tenant.crm.vendor.name;
    for (object, keys) in by_object(records.into_iter().filter(|key| key.origin.as_str() == origin)) {
        for keys in keys.chunks(records_per_call(batch)) {
            let ids: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
            let mut read = crm.read(object, &ids, properties).await?;
            found.extend(keys.iter().filter_map(|key| Some(((*key).clone(), read.remove(&key.id)?))));
        }
    }
    Ok(found)
}

/// Writes each patch to its record. A record without an answer must be taken as failed.
pub(crate) async fn write(
    batch: &Batch<'_>,
    patches: &BTreeMap<RecordKey, Patch>,
) -> Result<BTreeMap<RecordKey, Written>, CrmError> {
    let crm = connect(batch).await?;
    let mut ends = BTreeMap::new();
    for (object, keys) in by_object(patches.keys()) {
        for keys in keys.chunks(records_per_call(batch)) {
            let patches = keys.iter().filter_map(|key| Some((key.id.clone(), patches.get(*key)?.clone()))).collect();
            match crm.write(object, &patches).await {
                Ok(mut written) => {
                    ends.extend(keys.iter().filter_map(|key| Some(((*key).clone(), written.remove(&key.id)?))));
                }
                Err(error) if ends.is_empty() => return Err(error),
                Err(error) => {
                    // What has been written is told; the rest has no answer, and so has failed.
                    warn!(tenant = %batch.tenant.id, reason = error.reason, "the CRM took only a part of a batch");
                    return Ok(ends);
                }
            }
        }
    }
    Ok(ends)
}

/// The tenant's CRM, to be called now.
pub(crate) async fn connect(batch: &Batch<'_>) -> Result<Box<dyn Crm>, CrmError> {
    let crm = batch.worker.connections.crm(batch.tenant).await;
    crm.map_err(|error| CrmError { reason: error.to_string(), retry: error.retry })
}

fn records_per_call(batch: &Batch<'_>) -> usize {
    batch.tenant.crm.vendor.records_per_call.max(1)
}

fn by_object<'r>(keys: impl Iterator<Item = &'r RecordKey>) -> BTreeMap<&'r ObjectType, Vec<&'r RecordKey>> {
    let mut groups: BTreeMap<&ObjectType, Vec<&RecordKey>> = BTreeMap::new();
    keys.for_each(|key| groups.entry(&key.object).or_default().push(key));
    groups
}

/// The CRM refuses a call for all of them, and would refuse it again. They end with that reason, and keep what was
/// bought: it is written when the next event takes them up.
pub(crate) async fn refused(batch: &Batch<'_>, outcomes: &mut Outcomes<'_>, records: Vec<Record>, reason: &str) {
    let now = batch.now();
    error!(tenant = %batch.tenant.id, reason, "the CRM refuses a call as a whole: mend the mapping or its API version");
    let reason = FailReason::CrmRefused;
    let failed = records.into_iter().map(|record| (record.failed(reason, now), Outcome::Failed(reason)));
    outcomes.write_and_end(Step::Close, failed.collect()).await;
}
