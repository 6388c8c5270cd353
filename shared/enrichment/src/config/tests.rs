//! The description of the file's keys and the tables that they are read into agree. What is said of a bad file is tested
//! beside the vendors that a file names.

use super::super::example::vendors;
use super::super::fit::Fit;
use super::super::keys::{CRM, FALLBACK, PROVIDER};
use super::super::shape::{Key, Shape};
use super::*;
use toml::Table;

/// A file with every key in it can be read: the description of the keys and the tables that they are read into agree.
#[test]
fn every_key_that_is_described_is_read() {
    let vendors = vendors();
    let mut document = whole(&FILE, &vendors);
    let mut fit = Fit::new(&vendors);
    fit.fit("", &mut document, &FILE);
    fit.problems.retain(|problem| !problem.path.starts_with("price_sets"));
    assert_eq!(fit.problems, []);
    file::take::<File>(document).expect("every key is known");
}

/// Something of this shape, with all that may be in it.
fn whole(shape: &Shape, vendors: &Vendors) -> Value {
    let table =
        |keys: &[Key]| keys.iter().map(|key| (key.name.to_owned(), whole(&key.shape, vendors))).collect::<Table>();
    match shape {
        Shape::List(of) => Value::Array(vec![whole(of, vendors)]),
        Shape::Named(of) => Value::Table([("acme".to_owned(), whole(of, vendors))].into_iter().collect()),
        Shape::Table(keys) => Value::Table(table(keys)),
        Shape::Crm | Shape::Provider | Shape::Fallback => {
            let mut all = table(if matches!(shape, Shape::Crm) { CRM } else { PROVIDER });
            all.extend(table(if matches!(shape, Shape::Fallback) { FALLBACK } else { &[] }));
            let Value::Table(own) = shape.example(vendors) else { unreachable!("a vendor's is a table") };
            all.extend(own);
            Value::Table(all)
        }
        // No price list comes with the example's vendors.
        Shape::PriceListName => Value::String(String::new()),
        plain => plain.example(vendors),
    }
}
