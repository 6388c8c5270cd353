//! Whether somebody may be enrolled, asked right before it is done: what was true when the signal came may not be now. What
//! can't be found out is taken for a no.

use std::collections::{BTreeMap, HashMap, HashSet};

use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::enrolment::SkipReason;
use leadgate_enrichment::enrolment::sequencer::Prospect;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::person::{Identity, Properties};

use crate::batch::{Batch, Outcomes, Work, postponed};
use crate::call::TROUBLE;
use crate::resolve::crm_trouble;

/// A person, and whether they may be enrolled.
pub(crate) struct Checked<'m> {
    pub(crate) work: Work<'m>,
    pub(crate) verdict: Result<Prospect, SkipReason>,
}

/// Ends those who may not be enrolled, and of whom the vendor has been told nothing.
pub(crate) async fn check<'m>(batch: &Batch<'_>, begun: Vec<Work<'m>>, outcomes: &mut Outcomes) -> Vec<Checked<'m>> {
    if begun.is_empty() {
        return Vec::new();
    }
    let records: Vec<RecordKey> = begun.iter().map(|work| work.record.clone()).collect();
    let properties = match read(batch, &records).await {
        Ok(properties) => properties,
        Err(error) => {
            begun.iter().for_each(|work| outcomes.end(&work.entry, crm_trouble(&error)));
            return Vec::new();
        }
    };
    let kept_out = match kept_out(batch, &records, &properties).await {
        Ok(kept_out) => kept_out,
        Err(error) => {
            begun.iter().for_each(|work| outcomes.end(&work.entry, postponed(error.doing, TROUBLE)));
            return Vec::new();
        }
    };
    let (mut checked, mut skipped) = (Vec::new(), Vec::new());
    for work in begun {
        let verdict = verdict(batch, &work, properties.get(&work.record), &kept_out);
        match verdict {
            // Of whom the vendor may have been told, it has to be asked first.
            Err(reason) if work.line.place().is_none() => skipped.push((work, reason)),
            verdict => checked.push(Checked { work, verdict }),
        }
    }
    batch.skip(skipped, outcomes).await;
    checked
}

fn verdict(
    batch: &Batch<'_>,
    work: &Work<'_>,
    properties: Option<&Properties>,
    kept_out: &HashMap<RecordKey, SkipReason>,
) -> Result<Prospect, SkipReason> {
    let properties = properties.ok_or(SkipReason::NotInCrm)?;
    if let Some(reason) = kept_out.get(&work.record) {
        return Err(*reason);
    }
    if batch.signals.says_do_not_contact(properties) {
        return Err(SkipReason::DoNotContact);
    }
    if batch.is_too_old(&work.entry) {
        return Err(SkipReason::TooOld);
    }
    let Identity { email, first_name, last_name, company, domain, .. } =
        Identity::read(properties, &batch.tenant.identity);
    let email = email.filter(|email| email.contains('@')).ok_or(SkipReason::NoEmail)?;
    Ok(Prospect { email, first_name, last_name, company, domain })
}

/// What the CRM says of them now. Those whom it doesn't have are absent.
async fn read(batch: &Batch<'_>, records: &[RecordKey]) -> Result<BTreeMap<RecordKey, Properties>, CrmError> {
    let crm = batch.worker.connections.crm(batch.tenant).await;
    let crm = crm.map_err(|error| CrmError { reason: error.to_string(), retry: error.retry })?;
    let kept_out = batch.signals.do_not_contact.iter().map(String::as_str);
    let properties: Vec<&str> = batch.tenant.identity.known_names().chain(kept_out).collect();
    let mut found = BTreeMap::new();
    for same in records.chunk_by(|a, b| a.object == b.object) {
        for keys in same.chunks(batch.tenant.crm.vendor.records_per_call.max(1)) {
            let ids: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
            let mut read = crm.read(&keys[0].object, &ids, &properties).await?;
            found.extend(keys.iter().filter_map(|key| Some((key.clone(), read.remove(&key.id)?))));
        }
    }
    Ok(found)
}

/// Those who asked to be forgotten, and those for whom a signal says that nobody is to write to them now: by their record
/// or by their address, whichever it was told with.
async fn kept_out(
    batch: &Batch<'_>,
    records: &[RecordKey],
    properties: &BTreeMap<RecordKey, Properties>,
) -> Result<HashMap<RecordKey, SkipReason>, StoreError> {
    let worker = batch.worker;
    let address = |record: &RecordKey| {
        let email = Identity::read(properties.get(record)?, &batch.tenant.identity).email?;
        Some(batch.key.of(&email).as_str().to_owned())
    };
    let names = |record: &RecordKey| [Some(record.to_string()), address(record)].into_iter().flatten();
    let all: HashSet<String> = records.iter().flat_map(names).collect();
    let all: Vec<String> = all.into_iter().collect();
    let stopped = worker.enrolments.stopped(&batch.tenant.id, &all, batch.now()).await?;
    let known = worker.records.read(records, Consistency::Strong).await?;
    let reason = |record: &RecordKey| {
        let is_erased = known.get(record).is_some_and(|known| known.erased_at.is_some());
        let is_stopped = || names(record).any(|name| stopped.contains(&name));
        let reason = if is_erased { Some(SkipReason::Erased) } else { is_stopped().then_some(SkipReason::Stopped) };
        Some((record.clone(), reason?))
    };
    Ok(records.iter().filter_map(reason).collect())
}
