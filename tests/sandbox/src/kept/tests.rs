//! Folders, and what is kept in them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

fn scratch() -> TempDir {
    TempDir::new().expect("a folder")
}

async fn open(path: &Path) -> Folder {
    Folder::open(path).await.expect("a folder")
}

async fn refusal(path: &Path) -> String {
    Folder::open(path).await.err().expect("a refusal").to_string()
}

fn world(portals: &[(&str, u64)]) -> Belonging {
    let tenant = |name: &str| name.parse().expect("a name");
    let portals = portals.iter().map(|(name, portal)| (tenant(name), *portal)).collect();
    Belonging { portals, served: tenant("acme"), real_crm: false, real_provider: false }
}

#[derive(Default)]
struct Shelf {
    books: Table<u64, String>,
    log: Log<String>,
    count: One<u64>,
    letters: Undelivered<String>,
}

impl Keep for Shelf {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("books", &mut self.books),
            ("log", &mut self.log),
            ("count", &mut self.count),
            ("letters", &mut self.letters),
        ]
    }
}

fn shelf(folder: &Folder) -> Keeper<Shelf> {
    let shelf = Keeper::<Shelf>::default();
    shelf.keep_in(folder.part("shelf")).expect("readable");
    shelf
}

#[tokio::test]
async fn what_changed_under_a_lock_is_there_when_the_folder_is_opened_again() {
    let scratch = scratch();
    let folder = open(scratch.path()).await;
    let kept = shelf(&folder);
    let mut state = kept.lock();
    for number in 0..12 {
        state.books.insert(number, format!("book {number}"));
        state.log.push(format!("line {number}"));
        state.letters.push(format!("letter {number}"));
    }
    *state.count = 7;
    drop(state);
    let mut state = kept.lock();
    state.books.remove(&3);
    state.books.get_mut(&4).expect("a book").push_str(", read");
    let under_way = state.letters.take(|letter| letter != "letter 0");
    state.letters.done(under_way[0].0);
    assert_eq!(state.letters.waiting().count(), 1);
    drop(state);
    drop((kept, folder));

    let folder = open(scratch.path()).await;
    let kept = shelf(&folder);
    let mut state = kept.lock();
    assert_eq!((state.books.len(), state.books.get(&4).map(String::as_str)), (11, Some("book 4, read")));
    assert_eq!((state.log.len(), state.log[11].as_str(), *state.count), (12, "line 11", 7));
    let letters: Vec<String> = state.letters.waiting().cloned().collect();
    assert_eq!((letters.len(), letters[1].as_str()), (11, "letter 2"), "what was under way is told anew");
    state.letters.push("another".to_owned());
    assert_eq!(state.letters.take(|_| true).last().map(|(number, _)| *number), Some(12));
}

#[test]
fn a_state_that_is_kept_nowhere_remembers_no_changes() {
    let mut table = Table::default();
    table.insert(1, 1);
    assert_eq!(table.changes(), []);
}

#[tokio::test(start_paused = true)]
async fn a_folder_is_for_one_process_at_a_time() {
    let scratch = scratch();
    let first = open(scratch.path()).await;
    let refused = refusal(scratch.path()).await;
    assert!(
        refused.ends_with("is in use by another `leadgate local`: stop that one, or name another folder"),
        "{refused}"
    );
    // A process that was just killed has it for a moment longer.
    let dying = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(first);
    };
    tokio::join!(dying, open(scratch.path()));
}

#[tokio::test]
async fn a_folder_with_other_files_is_left_alone() {
    let scratch = scratch();
    fs::write(scratch.path().join("letter.txt"), "mine").expect("written");
    assert!(refusal(scratch.path()).await.contains("holds other files"));
    assert_eq!(fs::read_dir(scratch.path()).expect("readable").count(), 1);
    // What was begun and not finished is none of them.
    let begun = scratch.path().join("begun");
    fs::create_dir(&begun).expect("made");
    fs::write(begun.join("lock"), "").expect("written");
    open(&begun).await;
}

#[tokio::test]
async fn a_folder_of_another_version_is_refused() {
    let scratch = scratch();
    let folder = open(scratch.path()).await;
    let about = folder.part("world");
    about.save(&[about.change("about", "format".to_owned(), Some("99".to_owned()))]);
    drop((folder, about));
    let refused = refusal(scratch.path()).await;
    assert!(refused.contains("another version of leadgate (format 99, this one has 2)"), "{refused}");
}

#[tokio::test]
async fn a_folder_goes_on_with_its_own_tenants_and_vendors_alone() {
    let scratch = scratch();
    let folder = open(scratch.path()).await;
    folder.belongs_to(&world(&[("acme", 1)])).expect("is new");
    folder.belongs_to(&world(&[("acme", 1), ("beta", 2)])).expect("a tenant may be added");
    let refused = |world: &Belonging| folder.belongs_to(world).expect_err("another's").to_string();
    let changed = Belonging { real_provider: true, ..world(&[("acme", 1), ("beta", 2)]) };
    assert!(refused(&changed).contains("the provider in it is the simulated one, and not the real one"));
    assert!(refused(&world(&[("acme", 1)])).contains("it holds the tenant beta"));
    assert!(refused(&world(&[("acme", 5), ("beta", 2)])).contains("the tenant acme has the portal 1 in it, and not 5"));
    let served = Belonging { served: "beta".parse().expect("a name"), ..world(&[("acme", 1), ("beta", 2)]) };
    assert!(refused(&served).contains("serve the tenant acme, and not beta"));
    folder.belongs_to(&world(&[("acme", 1), ("beta", 2)])).expect("nothing of that was noted");
}

#[tokio::test]
async fn secrets_are_made_once_and_are_their_owners_alone() {
    let scratch = scratch();
    let path = scratch.path().join("deep").join("data");
    let folder = open(&path).await;
    let secret = |made: &str| folder.secret("callbacks", || Ok(made.to_owned())).expect("a secret");
    assert_eq!((secret("first"), secret("second")), ("first".to_owned(), "first".to_owned()));
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in fs::read_dir(&path).expect("readable") {
        let file = file.expect("a file").path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
