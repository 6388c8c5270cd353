//! Which records an operator has chosen.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use leadgate_enrichment::crm::{Crm, CrmError, Selected, Selection};
use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey};
use leadgate_enrichment::retry::Retry;

use crate::Failure;
use crate::books::Books;

/// The most records of one run.
const RECORDS_MAX: usize = 100_000;
/// The names that the column may have.
const COLUMNS: [&str; 2] = ["record", "id"];

/// The records of a file, one to a line, each once.
pub(super) fn of_file(books: &Books, path: &Path) -> Result<Vec<RecordKey>, Failure> {
    let name = path.display();
    let of = |error: csv::Error| format!("{name}: {error}");
    let mut file = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(of)?;
    let header = file.headers().map_err(of)?.clone();
    let column = header.iter().position(|column| COLUMNS.contains(&column.to_lowercase().as_str()));
    let column = column.ok_or_else(|| {
        let found = header.iter().collect::<Vec<_>>().join(", ");
        format!("{name}: found the columns {found}; expected one named \"record\" or \"id\"")
    })?;
    let (mut seen, mut records) = (BTreeSet::new(), Vec::new());
    for (i, line) in file.records().enumerate() {
        let line = line.map_err(of)?;
        let asked = line.get(column).unwrap_or_default();
        let at = |error: &dyn std::fmt::Display| format!("{name}, line {}: {error}", i + 2);
        let key = books.record_key(asked).and_then(|key| checked(books, key)).map_err(|error| at(&error))?;
        if seen.insert(key.clone()) {
            records.push(key);
        }
        if records.len() > RECORDS_MAX {
            return Err(format!("{name}: found more than {RECORDS_MAX} records, expected at most so many").into());
        }
    }
    if records.is_empty() {
        return Err(format!("{name}: found no record, expected at least one line below the header").into());
    }
    Ok(records)
}

/// The records of a selection in the CRM, of its first kind of record, each once.
pub(super) async fn of_crm(books: &Books, selection: &Selection) -> Result<Vec<RecordKey>, Failure> {
    let (tenant, vendor) = (&books.tenant, books.tenant().crm.vendor);
    let crm = books.connections.crm(books.tenant()).await?;
    let object = vendor.objects.first().map(|kind| kind.object.clone()).unwrap_or(ObjectType::CONTACT);
    let key = |id: String| {
        let (tenant, origin, object) = (tenant.clone(), Origin::known(vendor.name), object.clone());
        checked(books, RecordKey { tenant, origin, object, id })
    };
    let (mut seen, mut records, mut after) = (BTreeSet::new(), Vec::new(), None);
    loop {
        let Selected { ids, next } = page(&*crm, &object, selection, after.as_deref()).await?;
        for id in ids {
            let key = key(id)?;
            if seen.insert(key.clone()) {
                records.push(key);
            }
        }
        if records.len() > RECORDS_MAX {
            return Err(format!("found more than {RECORDS_MAX} records, expected at most so many: choose fewer").into());
        }
        match next {
            Some(next) => after = Some(next),
            None if records.is_empty() => return Err("the CRM has no such record: there is nothing to do".into()),
            None => return Ok(records),
        }
    }
}

/// One page, waited for when the CRM is asked too often.
async fn page(
    crm: &dyn Crm,
    object: &ObjectType,
    selection: &Selection,
    after: Option<&str>,
) -> Result<Selected, CrmError> {
    for _ in 0..ATTEMPTS_MAX {
        match crm.select(object, selection, after).await {
            Err(CrmError { retry: Retry::After(wait), .. }) => tokio::time::sleep(wait.min(WAIT_MAX)).await,
            Err(CrmError { retry: Retry::Backoff, .. }) => tokio::time::sleep(PAUSE).await,
            other => return other,
        }
    }
    crm.select(object, selection, after).await
}

/// How often a page is asked for again, and the longest wait in between.
const ATTEMPTS_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The same record as it stands in keys, if it can be one of the tenant's CRM.
fn checked(books: &Books, key: RecordKey) -> Result<RecordKey, Failure> {
    let vendor = books.tenant().crm.vendor;
    if key.origin.as_str() != vendor.name {
        return Err(format!("{key} is a record of {}, expected one of {}", key.origin, vendor.name).into());
    }
    let kind = vendor.objects.iter().find(|kind| kind.object == key.object);
    match kind.and_then(|kind| (kind.id)(&key.id)) {
        Some(id) => Ok(RecordKey { id, ..key }),
        None => {
            let names: Vec<String> = vendor.objects.iter().map(|kind| kind.object.to_string()).collect();
            Err(format!("found {:?}, expected the id of one of: {}", key.id, names.join(", ")).into())
        }
    }
}
