//! The modules of the heart point one way: read from the bottom up, none needs another that comes later.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each module imports, without what only tests import.
fn imports(folder: &Path, module: Option<&str>, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let module = module.unwrap_or(&stem);
        if path.is_dir() {
            imports(&path, Some(module), found);
            continue;
        }
        if stem == "tests" || module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = lines.flat_map(|line| line.split("crate::").skip(1));
        let named = named.filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next());
        let others = named.filter(|other| *other != module).map(str::to_owned);
        found.entry(module.to_owned()).or_default().extend(others);
    }
}

/// What is left when modules are taken away, again and again, that import nothing which is still there: the circles, and
/// what stands on them.
fn circles(mut imports: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let there: BTreeSet<String> = imports.keys().cloned().collect();
        let before = imports.len();
        imports.retain(|_, others| others.iter().any(|other| there.contains(other)));
        if imports.len() == before {
            let others = |of: &BTreeSet<String>| of.intersection(&there).cloned().collect::<Vec<_>>().join(", ");
            return imports.iter().map(|(module, of)| format!("{module} imports {}", others(of))).collect();
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut found = BTreeMap::new();
    imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut found);
    assert!(found.len() > 20 && found["gate"].contains("record"), "{found:?}");
    let circles = circles(found);
    assert!(circles.is_empty(), "these, or some that they import, import each other:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_noticed() {
    let of = |others: &[&str]| others.iter().map(|other| (*other).to_owned()).collect::<BTreeSet<_>>();
    let mut found =
        BTreeMap::from([("a".to_owned(), of(&["b"])), ("b".to_owned(), of(&["c"])), ("c".to_owned(), of(&[]))]);
    assert!(circles(found.clone()).is_empty());
    found.insert("c".to_owned(), of(&["a"]));
    assert_eq!(circles(found).len(), 3);
}
