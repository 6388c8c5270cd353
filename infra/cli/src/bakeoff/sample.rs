//! Whom a bake-off asks about: people of a file, or leads that providers were asked about before.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use leadgate_aws::table::Consistency;
use leadgate_enrichment::credits::ledger::{Entry, PurchaseKind};
use leadgate_enrichment::fingerprint::{Fingerprint, FingerprintKey};
use leadgate_enrichment::ids::{ObjectType, RecordKey, digest};
use leadgate_enrichment::lead::record::{Record, State};
use leadgate_enrichment::person::{Identity, IdentityProperties, Properties, value_of};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::books::Books;

/// The most people of a sample. Beyond some hundred, a larger one hardly tells more.
pub(super) const PEOPLE_MAX: usize = 2000;

/// The columns of a file that tell who a person is.
const COLUMNS: [&str; 6] = ["email", "first_name", "last_name", "company", "website", "linkedin_url"];

/// One of a sample, as the journal keeps them: no word of who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chosen {
    /// The lead in the CRM, unless they stand in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<RecordKey>,
    /// Who they are.
    pub(super) person: Fingerprint,
    /// The group that they are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) segment: Option<String>,
}

/// One of a sample, to ask about.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) chosen: Chosen,
    pub(super) identity: Identity,
}

/// The people of a file, one to a line.
pub(super) async fn of_file(
    books: &Books,
    key: &FingerprintKey,
    path: &Path,
    segment: Option<&str>,
) -> Result<Vec<Person>, Failure> {
    let of = |error: csv::Error| format!("{}: {error}", path.display());
    let mut file = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(of)?;
    let header: Vec<String> = file.headers().map_err(of)?.iter().map(str::to_lowercase).collect();
    if !header.iter().any(|column| COLUMNS.contains(&column.as_str())) {
        let (found, expected) = (header.join(", "), COLUMNS.join(", "));
        return Err(format!("{}: found the columns {found}; expected some of: {expected}", path.display()).into());
    }
    if let Some(segment) = segment.filter(|segment| !header.contains(&segment.to_lowercase())) {
        return Err(format!("{}: found no column {segment:?}, which --segment names", path.display()).into());
    }
    let names = IdentityProperties::named(COLUMNS);
    let mut people = Vec::new();
    for (i, line) in file.records().enumerate() {
        let line = line.map_err(of)?;
        let values = line.iter().map(|value| Some(value.to_owned()));
        let properties: Properties = header.iter().cloned().zip(values).collect();
        let identity = Identity::read(&properties, &names);
        if !identity.is_usable() {
            let expected = "an address, a LinkedIn profile, or a full name with an employer";
            return Err(format!(
                "{}, line {}: found too little to ask with, expected {expected}",
                path.display(),
                i + 2
            )
            .into());
        }
        let segment = segment.and_then(|name| value_of(&properties, &name.to_lowercase())).map(str::to_owned);
        let person = identity.fingerprint(key);
        people.push(Person { chosen: Chosen { record: None, person, segment }, identity });
        if people.len() > PEOPLE_MAX {
            return Err(
                format!("{}: found more than {PEOPLE_MAX} people, expected at most so many", path.display()).into()
            );
        }
    }
    without_twins(&mut people);
    without_forgotten(books, key, people).await
}

/// So many of the leads that a provider was asked about, as the ledger has them: always the same ones for the same name.
pub(super) async fn of_leads(
    books: &Books,
    key: &FingerprintKey,
    (name, count): (&str, usize),
    segment: Option<&str>,
) -> Result<Vec<Person>, Failure> {
    let of_crm = books.tenant().crm.vendor.name;
    let mut leads: BTreeSet<RecordKey> = BTreeSet::new();
    for entry in books.credits.entries(&books.tenant).await? {
        let Entry::Purchase { kind: PurchaseKind::Person, lines, .. } = entry else { continue };
        leads.extend(lines.into_iter().map(|line| line.subject).filter(|record| record.origin.as_str() == of_crm));
    }
    // Chance, but the same chance when it is done again.
    let mut leads: Vec<(String, RecordKey)> =
        leads.into_iter().map(|record| (digest(&[name, &record.to_string()]), record)).collect();
    leads.sort();
    let mut people = Vec::new();
    // Some are gone by now, or say too little: they are passed over.
    for batch in leads.chunks(books.tenant().crm.vendor.records_per_call.max(1)) {
        let keys: Vec<RecordKey> = batch.iter().map(|(_, record)| record.clone()).collect();
        people.extend(read(books, key, &keys, segment).await?.into_iter().flatten());
        without_twins(&mut people);
        if people.len() >= count {
            break;
        }
    }
    people.truncate(count);
    if people.is_empty() {
        return Err("no lead has been asked about yet that is still in the CRM: give people with --csv".into());
    }
    Ok(people)
}

/// The people of a bake-off that was begun before, in their places. `None` for one who isn't in the CRM any more.
pub(super) async fn again(
    books: &Books,
    key: &FingerprintKey,
    chosen: &[Chosen],
) -> Result<Vec<Option<Person>>, Failure> {
    let mut people = Vec::with_capacity(chosen.len());
    for batch in chosen.chunks(books.tenant().crm.vendor.records_per_call.max(1)) {
        let keys: Vec<RecordKey> = batch.iter().filter_map(|it| it.record.clone()).collect();
        let read = read(books, key, &keys, None).await?;
        let kept =
            |(person, chosen): (Option<Person>, &Chosen)| person.map(|it| Person { chosen: chosen.clone(), ..it });
        people.extend(read.into_iter().zip(batch).map(kept));
    }
    Ok(people)
}

/// Who these leads are, as the CRM has them now. `None` for one who isn't to be asked about: gone, without enough to ask with,
/// forgotten on request, or of whom a provider may not say anything.
async fn read(
    books: &Books,
    key: &FingerprintKey,
    records: &[RecordKey],
    segment: Option<&str>,
) -> Result<Vec<Option<Person>>, Failure> {
    let tenant = books.tenant();
    let there = books.records.read(records, Consistency::Eventual).await?;
    let mut wanted = tenant.properties();
    wanted.extend(segment);
    let crm = books.connections.crm(tenant).await?;
    let mut by_object: BTreeMap<&ObjectType, Vec<String>> = BTreeMap::new();
    for record in records {
        by_object.entry(&record.object).or_default().push(record.id.clone());
    }
    let mut found: BTreeMap<(&ObjectType, String), Properties> = BTreeMap::new();
    for (object, ids) in by_object {
        let read = crm.read(object, &ids, &wanted).await?;
        found.extend(read.into_iter().map(|(id, properties)| ((object, id), properties)));
    }
    let is_refused = |record: &RecordKey| there.get(record).is_some_and(is_not_to_be_asked);
    let person = |record: &RecordKey| {
        let properties = found.get(&(&record.object, record.id.clone())).filter(|_| !is_refused(record))?;
        let identity = Identity::read(properties, &tenant.identity);
        let segment = segment.and_then(|name| value_of(properties, name)).map(str::to_owned);
        let chosen = Chosen { record: Some(record.clone()), person: identity.fingerprint(key), segment };
        identity.is_usable().then_some(Person { chosen, identity })
    };
    let people: Vec<Option<Person>> = records.iter().map(person).collect();
    let forgotten = forgotten(books, key, people.iter().flatten()).await?;
    Ok(people.into_iter().map(|person| person.filter(|it| !is_named(it, key, &forgotten))).collect())
}

/// A record that was refused: somebody doesn't want them to be looked up.
fn is_not_to_be_asked(record: &Record) -> bool {
    matches!(record.state, State::Refused { .. })
}

/// The same person twice would be bought twice.
fn without_twins(people: &mut Vec<Person>) {
    let mut seen = HashSet::new();
    people.retain(|person| seen.insert(person.chosen.person.clone()));
}

async fn without_forgotten(books: &Books, key: &FingerprintKey, people: Vec<Person>) -> Result<Vec<Person>, Failure> {
    let forgotten = forgotten(books, key, people.iter()).await?;
    Ok(people.into_iter().filter(|person| !is_named(person, key, &forgotten)).collect())
}

async fn forgotten<'p>(
    books: &Books,
    key: &FingerprintKey,
    people: impl Iterator<Item = &'p Person>,
) -> Result<HashSet<Fingerprint>, Failure> {
    let names: HashSet<Fingerprint> = people.flat_map(|person| names_of(person, key)).collect();
    Ok(books.records.forgotten(&books.tenant, &names).await?)
}

fn is_named(person: &Person, key: &FingerprintKey, names: &HashSet<Fingerprint>) -> bool {
    names_of(person, key).iter().any(|name| names.contains(name))
}

fn names_of(person: &Person, key: &FingerprintKey) -> [Fingerprint; 2] {
    [person.identity.person_fingerprint(key), person.identity.fingerprint(key)]
}
