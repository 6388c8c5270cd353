//! A vendor is one folder, and only there is it named. What else names one: the list of vendors, and the commands that run
//! the world on one machine, whose simulators are those of two vendors.

use std::fs;
use std::path::{Path, PathBuf};

use leadgate_connectors::registry;

/// Where vendors are named, relative to the root of the house.
const NAMED_IN: [&str; 7] = [
    "shared/connectors/src/crm/",
    "shared/connectors/src/provider/",
    "shared/connectors/src/registry.rs",
    "infra/cli/src/demo",
    "infra/cli/src/local.rs",
    "infra/cli/src/send.rs",
    "infra/cli/src/send/",
];

/// Vendors whose name is a word of the language, and the forms in which it is a name all the same.
const WORDS: [&str; 1] = ["close"];
const AS_A_NAME: [&str; 3] = ["::NAME::", "NAME.com", "/NAME/"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn vendors() -> Vec<&'static str> {
    let vendors = registry::vendors();
    let crms = vendors.crms.iter().map(|vendor| vendor.name);
    crms.chain(vendors.providers.iter().map(|vendor| vendor.name)).collect()
}

/// The lines of a file, without its tests, that name one of the vendors.
fn naming<'t>(text: &'t str, vendors: &[&str]) -> Vec<&'t str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let names_one = |line: &&str| {
        let small = line.to_lowercase();
        vendors.iter().any(|vendor| match WORDS.contains(vendor) {
            true => AS_A_NAME.iter().any(|form| line.contains(&form.replace("NAME", vendor))),
            false => small.contains(vendor),
        })
    };
    code.lines().filter(names_one).collect()
}

#[test]
fn nothing_names_a_vendor_outside_its_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["functions", "shared/aws/src", "shared/enrichment/src", "shared/lambda/src", "shared/purchase/src"] {
        sources(&root.join(folder), &mut files);
    }
    sources(&root.join("shared/connectors/src"), &mut files);
    sources(&root.join("infra/cli/src"), &mut files);
    assert!(files.len() > 150, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("a file of the house").to_str().expect("a name").to_owned();
        let is_test = path.starts_with("infra/cli/") && (path.ends_with("/tests.rs") || path.contains("/tests/"));
        if is_test || NAMED_IN.iter().any(|allowed| path.starts_with(allowed)) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source file");
        wrong.extend(naming(&text, &vendors()).into_iter().map(|line| format!("{path}: {}", line.trim())));
    }
    assert!(wrong.is_empty(), "a vendor is named outside its folder:\n{}", wrong.join("\n"));
}

#[test]
fn a_name_is_noticed() {
    let close = "crm::close::VENDOR;\n// api.close.com\nfn close() {} // close it\n/close/acme";
    assert_eq!(naming(close, &vendors()).len(), 3, "a word is told from a name");
    assert_eq!(naming("// HubSpot does so\nfn other() {}\n#[cfg(test)]\nmod tests { hubspot }", &vendors()).len(), 1);
}
