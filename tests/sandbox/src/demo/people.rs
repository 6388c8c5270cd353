//! Leads, made up from a seed.

use fastrand::Rng;

const FIRST: [&str; 20] = [
    "Ada",
    "Grace",
    "Alan",
    "Edsger",
    "Barbara",
    "Donald",
    "Radia",
    "Ken",
    "Frances",
    "Tony",
    "Margaret",
    "Dennis",
    "Katherine",
    "John",
    "Hedy",
    "Leslie",
    "Joan",
    "Niklaus",
    "Shafi",
    "Tim",
];
const LAST: [&str; 20] = [
    "Lovell",
    "Hopkins",
    "Turner",
    "Dykstra",
    "Lindqvist",
    "Knudsen",
    "Perlmutter",
    "Thomsen",
    "Allende",
    "Hoarau",
    "Hamill",
    "Richter",
    "Johansson",
    "Backhaus",
    "Lamarche",
    "Lambert",
    "Clarkson",
    "Wirtz",
    "Goldberg",
    "Berner",
];
const COMPANY: [&str; 12] = [
    "northwind",
    "bluefjord",
    "oakline",
    "quartzworks",
    "harborlight",
    "redcedar",
    "stillwater",
    "copperfield",
    "larkspur",
    "ironbridge",
    "greymoor",
    "sunward",
];

/// What a person typed into a form.
#[derive(Debug, Clone)]
pub struct Lead {
    /// By the names of a business card.
    pub card: Vec<(&'static str, String)>,
}

/// `count` leads. One in eight has told their job title already: that is theirs, and stays.
pub fn leads(count: usize, seed: u64) -> Vec<Lead> {
    let mut chance = Rng::with_seed(seed);
    (0..count)
        .map(|number| {
            let (first, last) = (FIRST[chance.usize(..FIRST.len())], LAST[chance.usize(..LAST.len())]);
            let company = COMPANY[chance.usize(..COMPANY.len())];
            let email = format!("{}.{}{number}@{company}.example", first.to_lowercase(), last.to_lowercase());
            let mut card = vec![("email", email)];
            if chance.u8(..2) == 0 {
                card.push(("firstname", first.to_owned()));
            }
            if chance.u8(..8) == 0 {
                card.push(("jobtitle", "Founder, as I said in the form".to_owned()));
            }
            Lead { card }
        })
        .collect()
}
