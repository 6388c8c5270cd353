//! The modules of the heart point one way: read from the bottom up, none needs another that comes later.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module imports, without what only tests import. A module is a file, or all files of a folder within a room.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The names at the beginning of a path that make a module: `lead::record` for `lead::record::parts::Awaited`.
fn module(path: &str, rooms: &BTreeSet<String>) -> Option<String> {
    let mut parts = path.split("::").map(|part| part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next());
    let first = parts.next()??;
    let is_module = |name: &&str| name.starts_with(|c: char| c.is_ascii_lowercase());
    match parts.next().flatten().filter(is_module).filter(|_| rooms.contains(first)) {
        Some(second) => Some(format!("{first}::{second}")),
        None => Some(first.to_owned()),
    }
}

fn imports(src: &Path) -> Imports {
    let mut files = Vec::new();
    sources(src, &mut files);
    let name =
        |file: &PathBuf| file.strip_prefix(src).expect("below").with_extension("").to_string_lossy().into_owned();
    let rooms: BTreeSet<String> =
        files.iter().filter_map(|file| Some(name(file).strip_suffix("/mod")?.split('/').next()?.to_owned())).collect();
    // The parts of the configuration stand and fall together.
    let rooms: BTreeSet<String> = rooms.into_iter().filter(|room| room != "config").collect();
    let mut found = Imports::new();
    for file in files {
        let path = name(&file).replace('/', "::");
        let (path, stem) = (path.trim_end_matches("::mod"), file.file_stem().and_then(|stem| stem.to_str()));
        if matches!(stem, Some("tests" | "lib" | "example")) {
            continue;
        }
        let own = module(path, &rooms).expect("a name");
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = lines.flat_map(|line| line.split("crate::").skip(1));
        let others = named.filter_map(|rest| module(rest, &rooms)).filter(|other| *other != own);
        found.entry(own.clone()).or_default().extend(others);
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { sources(&path, found) } else { found.push(path) }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
}

/// The same between rooms.
fn between_rooms(modules: &Imports) -> Imports {
    let room = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut rooms = Imports::new();
    for (module, others) in modules {
        let others = others.iter().map(|other| room(other)).filter(|other| *other != room(module));
        rooms.entry(room(module)).or_default().extend(others);
    }
    rooms
}

/// What is left when modules are taken away, again and again, that import nothing which is still there: the circles, and
/// what stands on them.
fn circles(mut imports: Imports) -> Vec<String> {
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
fn no_modules_and_no_rooms_import_each_other_in_a_circle() {
    let modules = imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(modules.len() > 25 && modules["lead::gate"].contains("lead::record"), "{modules:?}");
    let rooms = between_rooms(&modules);
    assert!(rooms["lead"].contains("credits") && rooms["purchase"].contains("lead"), "{rooms:?}");
    for imports in [modules, rooms] {
        let circles = circles(imports);
        assert!(circles.is_empty(), "these, or some that they import, import each other:\n{}", circles.join("\n"));
    }
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
