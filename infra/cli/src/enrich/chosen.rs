//! Which records an operator has chosen.

use std::collections::BTreeSet;
use std::path::Path;

use leadgate_enrichment::ids::RecordKey;

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
