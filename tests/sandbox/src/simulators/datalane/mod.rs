//! DataLane, which delivers local businesses in batches. The columns of its files aren't documented: these are made up, and
//! the configuration names them.
//!
//! A batch of so many rows is always the same, so that what an import found can be compared with what is in it.

use std::io::{self, Write};

/// The first line.
const HEADER: &str = "location_id,business_name,phone,website,industry,employees,city,zip,license_number,\
    license_state,owner_first_name,owner_last_name,owner_title,owner_email,owner_mobile";
/// Of so many rows one lacks its last columns.
const CUT_OFF_EVERY: u64 = 1_000;
/// Of so many rows one has something else than a number for the owner's mobile.
const NO_NUMBER_EVERY: u64 = 400;
/// Of so many rows one has nothing that a business is told by.
const ANONYMOUS_EVERY: u64 = 2_500;
/// Of so many businesses one has another owner in each later edition.
const CHANGED_EVERY: u64 = 50;
/// Of so many businesses one has no web site.
const NO_SITE_EVERY: u64 = 3;
/// Of so many businesses three have a mobile number of the owner.
const MOBILE_EVERY: u64 = 5;

const NAMES: [&str; 8] = ["Alpine", "Bayside", "Cedar", "Delta", "Evergreen", "Foothill", "Granite", "Harbor"];
const TRADES: [&str; 6] = ["Plumbing", "Dental", "Roofing", "Landscaping", "Auto Repair", "Bakery"];
const FIRST_NAMES: [&str; 6] = ["Ana", "Ben", "Cora", "Dan", "Eva", "Finn"];
const LAST_NAMES: [&str; 7] = ["Abbott", "Brooks", "Castro", "Dunn", "Ellis", "Flores", "Gray"];

/// What is in a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// Rows, without the header.
    pub rows: u64,
    /// Rows that can be used.
    pub good: u64,
    /// Rows that can't.
    pub bad: u64,
    /// Values of rows that can be used that can't.
    pub bad_values: u64,
    /// Businesses that were otherwise in the edition before.
    pub changed: u64,
}

/// A business, as it is in an edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// DataLane's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its telephone.
    pub phone: String,
    /// Its web site, if it has one.
    pub website: Option<String>,
    /// Its postal code.
    pub zip: String,
    /// Who runs it.
    pub owner: [String; 2],
    /// Their mobile number, if that is known.
    pub mobile: Option<String>,
}

impl Business {
    /// The business of this number in an edition, from 1.
    pub fn numbered(i: u64, edition: u64) -> Self {
        let of = |names: &[&str], at: u64| names[usize::try_from(at).unwrap_or_default() % names.len()].to_owned();
        let owner = if i.is_multiple_of(CHANGED_EVERY) { i / CHANGED_EVERY + edition } else { i };
        let digits = |line: u64| format!("{}{:07}", 200 + i / 6_000_000 * 10 + line, 2_000_000 + i % 6_000_000);
        let has_mobile = i % MOBILE_EVERY < 3;
        Self {
            id: format!("DL{i:09}"),
            name: format!("{} {} {i}", of(&NAMES, i), of(&TRADES, i / 7)),
            phone: digits(1),
            website: (!i.is_multiple_of(NO_SITE_EVERY)).then(|| format!("https://www.business-{i}.example/")),
            zip: format!("{:05}", 10_000 + i % 89_999),
            owner: [of(&FIRST_NAMES, owner), of(&LAST_NAMES, owner / 3)],
            mobile: has_mobile.then(|| digits(2)),
        }
    }

    fn write(&self, i: u64, mobile: &str, out: &mut dyn Write) -> io::Result<()> {
        let Self { id, name, phone, website, zip, owner: [first, last], .. } = self;
        let (website, industry) =
            (website.as_deref().unwrap_or_default(), TRADES[usize::try_from(i / 7 % 6).unwrap_or_default()]);
        let (employees, small) = (1 + i % 40, first.to_lowercase());
        writeln!(
            out,
            "{id},\"{name}, LLC\",({}) {}-{},{website},{industry},{employees},Portland,{zip},{i:07},OR,{first},{last},Owner,{small}@business-{i}.example,{mobile}",
            &phone[..3],
            &phone[3..6],
            &phone[6..]
        )
    }
}

/// Writes an edition of so many rows, and says what is in it.
pub fn write_batch(rows: u64, edition: u64, out: &mut dyn Write) -> io::Result<Contents> {
    writeln!(out, "{HEADER}")?;
    let mut contents = Contents { rows, ..Contents::default() };
    for i in 1..=rows {
        let business = Business::numbered(i, edition);
        if i.is_multiple_of(ANONYMOUS_EVERY) {
            writeln!(out, "{},,,,Bakery,3,Portland,,,,,,,,", business.id)?;
            contents.bad += 1;
        } else if i.is_multiple_of(CUT_OFF_EVERY) {
            writeln!(out, "{},\"{}\",{}", business.id, business.name, business.phone)?;
            contents.bad += 1;
        } else {
            let is_no_number = i.is_multiple_of(NO_NUMBER_EVERY);
            let mobile =
                if is_no_number { "ask for the owner" } else { business.mobile.as_deref().unwrap_or_default() };
            business.write(i, mobile, out)?;
            contents.good += 1;
            contents.bad_values += u64::from(is_no_number);
            contents.changed += u64::from(edition > 1 && business.owner != Business::numbered(i, edition - 1).owner);
        }
    }
    Ok(contents)
}
