//! What the template must hold to, and no linter knows. Each rule gives its complaints, and each test shows both that
//! the template gives none and that faults put into it do.

mod contents;
mod permissions;
mod queues;

use std::fs;
use std::path::{Path, PathBuf};

use leadgate_sandbox::template::Template;
use serde_json::Value;

/// What a rule has against a template.
#[derive(Default)]
struct Complaints(Vec<String>);

type Rule = fn(&Template) -> Complaints;

impl Complaints {
    fn unless(&mut self, right: bool, complaint: impl FnOnce() -> String) {
        if !right {
            self.0.push(complaint());
        }
    }

    fn all(&mut self, complaints: impl IntoIterator<Item = String>) {
        self.0.extend(complaints);
    }
}

fn holds(rule: Rule) {
    let Complaints(complaints) = rule(&template());
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// The rule complains once the template says `value` at `pointer`.
fn notices(rule: Rule, pointer: &str, value: Value) {
    let mut document = template().document().clone();
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("something to put the fault in") {
        Value::Array(items) => items[last.parse::<usize>().expect("an index")] = value,
        parent => parent[last] = value,
    }
    let faulty = Template::from_document(document).expect("a template that can still be read");
    assert!(!rule(&faulty).0.is_empty(), "a fault at {pointer} goes unnoticed");
}

fn template() -> Template {
    Template::load().expect("a template")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of all Rust files in a folder.
fn source(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text += &source(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path).expect("a source");
        }
    }
    text
}
