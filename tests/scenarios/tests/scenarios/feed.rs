//! A feed is taken in whole: whatever call breaks, whoever else is at work, and in whatever order batches come.

mod crash;
mod landed;
mod orders;
mod waterfall;

use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use leadgate_aws::feed::{DropState, FeedDrop, Found};
use leadgate_enrichment::business::BusinessKey;
use leadgate_enrichment::clock::{Clock, days, earlier};
use leadgate_enrichment::config;
use leadgate_enrichment::ids::TenantId;
use leadgate_enrichment::person::ProfileField;
use leadgate_feed::{Ended, Import, ImportError, KeepRejects, Source, What};
use leadgate_sandbox::simulators::datalane::{Contents, write_batch};
use leadgate_sandbox::world::{Settings, World};

/// So few that a short batch has several pieces.
const PIECE_ROWS: u64 = 5;

/// A batch in memory.
struct Batch(Vec<u8>);

impl Source for Batch {
    fn open(&self, byte: u64) -> io::Result<Box<dyn Read>> {
        let rest = self.0.get(usize::try_from(byte).expect("small")..).unwrap_or_default();
        Ok(Box::new(Cursor::new(rest.to_vec())))
    }
}

/// Rejects in memory.
#[derive(Default)]
struct Kept(Mutex<String>);

#[async_trait::async_trait]
impl KeepRejects for Kept {
    async fn keep(&self, before: u64, piece: &str) -> io::Result<()> {
        let mut kept = self.0.lock().expect("nobody panicked");
        kept.truncate(usize::try_from(before).expect("small"));
        assert_eq!(kept.len() as u64, before, "what stands before it was kept");
        kept.push_str(piece);
        Ok(())
    }
}

/// A feed of a tenant, and those who take batches in.
struct Scene<'w> {
    world: &'w World,
    tenant: TenantId,
    written: config::Feed,
    rejects: Kept,
}

impl<'w> Scene<'w> {
    fn new(world: &'w World, tenant: &str) -> Self {
        let written = world.tenant().feed.clone().expect("the configuration has a feed");
        Self { world, tenant: tenant.parse().expect("a name"), written, rejects: Kept::default() }
    }

    async fn import(&self, run: &str, object: &str, text: &str, made_at: Timestamp) -> Result<Ended, ImportError> {
        self.import_until(run, object, text, made_at, None).await
    }

    async fn import_until(
        &self,
        run: &str,
        object: &str,
        text: &str,
        made_at: Timestamp,
        deadline: Option<Timestamp>,
    ) -> Result<Ended, ImportError> {
        let what = What {
            tenant: &self.tenant,
            written: &self.written,
            object: object.to_owned(),
            version: text.len().to_string(),
            made_at,
            run: run.to_owned(),
        };
        let import = Import {
            feed: &self.world.feed,
            rejects: &self.rejects,
            clock: &*self.world.clock,
            piece_rows: PIECE_ROWS,
            progress: &|_| {},
        };
        import.run(&what, Arc::new(Batch(text.as_bytes().to_vec())), deadline).await
    }

    async fn find(&self, keys: &[BusinessKey]) -> Found {
        self.world.feed.find(&self.tenant, keys).await.expect("an answer")
    }

    /// The name of the business with this telephone.
    async fn named(&self, phone: &str) -> Option<String> {
        match self.find(&[BusinessKey::phone(phone, "1").expect("a number")]).await {
            Found::One(business) => business.values.get(&ProfileField::CompanyName).cloned(),
            _ => None,
        }
    }

    fn rejected(&self) -> String {
        self.rejects.0.lock().expect("nobody panicked").clone()
    }

    fn write_units(&self) -> f64 {
        self.world.usage.write_units().get("import").copied().unwrap_or_default()
    }
}

async fn world() -> World {
    World::start(Settings::default()).await.expect("a world starts")
}

fn ended(ended: Result<Ended, ImportError>) -> FeedDrop {
    match ended.expect("an import") {
        Ended::Here(drop) => *drop,
        other => panic!("{other:?}"),
    }
}

fn sample(rows: u64, edition: u64) -> (String, Contents) {
    let mut text = Vec::new();
    let contents = write_batch(rows, edition, &mut text).expect("written");
    (String::from_utf8(text).expect("text"), contents)
}

fn small(rows: &[(&str, &str, &str, &str, &str)]) -> String {
    let mut text = sample(0, 1).0;
    for (id, name, phone, website, zip) in rows {
        text.push_str(&format!("{id},{name},{phone},{website},,,,{zip},,,,,,,\n"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_again_writes_nothing_and_a_later_one_what_is_otherwise() {
    let world = world().await;
    let scene = Scene::new(&world, "acme");
    let made_at = world.clock.now();
    let (text, contents) = sample(2_500, 1);
    let first = ended(scene.import("one", "may.csv", &text, made_at).await);
    let counts = &first.counts;
    assert_eq!((counts.rows, counts.new, counts.rejected), (2_500, contents.good, contents.bad));
    assert_eq!((counts.values_left_out, counts.businesses()), (contents.bad_values, contents.good));
    assert_eq!(scene.rejected().lines().count() as u64, 1 + contents.bad + contents.bad_values);

    let before = scene.write_units();
    let again = scene.import("two", "may.csv", &text, made_at).await.expect("an import");
    assert_eq!(again, Ended::Before(Box::new(first)));
    assert!(scene.write_units() <= before, "the same once more writes nothing");

    let again = ended(scene.import("three", "may-again.csv", &text, made_at).await);
    assert_eq!((again.counts.unchanged, again.counts.businesses()), (contents.good, contents.good));
    let notes = scene.write_units() - before;
    // A note and a lease for each piece, and one of each for the beginning; a note has up to three units.
    let pieces = 2_500.0 / 5.0 + 2.0;
    assert!(notes <= pieces * 4.0, "{notes} units were written for {pieces} pieces in which nothing is new");

    let (text, contents) = sample(2_500, 2);
    let before = scene.write_units();
    let later = ended(scene.import("four", "june.csv", &text, world.clock.now()).await);
    assert_eq!((later.counts.changed, later.counts.new), (contents.changed, 0));
    assert_eq!(later.counts.unchanged, contents.good - contents.changed);
    #[expect(clippy::cast_precision_loss, reason = "fifty")]
    let changed = contents.changed as f64;
    let businesses = scene.write_units() - before - notes;
    assert!((businesses - changed).abs() < 1.0, "{businesses} units for {changed} businesses");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_late_is_not_written_over_a_later_one() {
    let world = world().await;
    let scene = Scene::new(&world, "acme");
    let (now, month_ago) = (world.clock.now(), earlier(world.clock.now(), days(31)));
    let new = small(&[("1", "New Name", "503-555-0142", "", "")]);
    ended(scene.import("one", "june.csv", &new, now).await);
    let old = small(&[("1", "Old Name", "503-555-0142", "", ""), ("2", "Other", "503-555-0143", "", "")]);
    let late = ended(scene.import("two", "may.csv", &old, month_ago).await);
    assert_eq!((late.counts.older, late.counts.new), (1, 1));
    assert_eq!(scene.named("503-555-0142").await.as_deref(), Some("New Name"));
    assert_eq!(scene.named("503-555-0143").await.as_deref(), Some("Other"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_the_same_time_one_works() {
    let world = world().await;
    let scene = Scene::new(&world, "acme");
    let (text, contents) = sample(200, 1);
    let at = world.clock.now();
    let (one, other) =
        tokio::join!(scene.import("one", "may.csv", &text, at), scene.import("two", "may.csv", &text, at));
    let worked = |ended: &Result<Ended, ImportError>| matches!(ended, Ok(Ended::Here(_)));
    assert!(worked(&one) != worked(&other), "{one:?} {other:?}");
    let after = scene.import("three", "may.csv", &text, at).await.expect("an import");
    let Ended::Before(drop) = after else { panic!("{after:?}") };
    assert_eq!((drop.counts.new, drop.counts.rows), (contents.good, 200));
    assert_eq!(drop.state, DropState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_business_is_told_by_no_longer_finds_nobody() {
    let world = world().await;
    let scene = Scene::new(&world, "acme");
    let rows = [
        ("1", "Joe's Plumbing", "503-555-0142", "chain.example", "97201"),
        ("2", "Ann's Plumbing", "503-555-0143", "chain.example", "97202"),
    ];
    ended(scene.import("one", "may.csv", &small(&rows), earlier(world.clock.now(), days(1))).await);
    let chain = BusinessKey::domain("chain.example").expect("a domain");
    assert_eq!(scene.find(std::slice::from_ref(&chain)).await, Found::Several, "both have the domain");
    let ann = BusinessKey::name_and_postal_code("Ann's Plumbing LLC", "97202-1111").expect("a name");
    let Found::One(found) = scene.find(&[chain.clone(), ann]).await else { panic!("the name tells") };
    assert_eq!(found.id, "2");

    let moved = small(&[("2", "Ann's Plumbing", "503-555-0199", "anns.example", "97202")]);
    ended(scene.import("two", "june.csv", &moved, world.clock.now()).await);
    assert_eq!(scene.named("503-555-0143").await, None);
    assert_eq!(scene.named("503-555-0199").await.as_deref(), Some("Ann's Plumbing"));
    let Found::One(found) = scene.find(&[chain]).await else { panic!("one is left") };
    assert_eq!(found.id, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_columns_make_another_batch_of_the_same_file() {
    let world = world().await;
    let mut scene = Scene::new(&world, "acme");
    let text = small(&[("1", "Joe's Plumbing", "503-555-0142", "joes.example", "97201")]);
    let at = world.clock.now();
    ended(scene.import("one", "may.csv", &text, at).await);
    scene.written.columns.remove(&config::Column::Profile(ProfileField::CompanyWebsite));
    let again = ended(scene.import("two", "may.csv", &text, at).await);
    assert_eq!(again.counts.changed, 1);
    let site = BusinessKey::domain("joes.example").expect("a domain");
    assert_eq!(scene.find(&[site]).await, Found::None, "it isn't told by it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_breaks_off_says_where_and_what_stands_before_is_taken_in() {
    let world = world().await;
    let scene = Scene::new(&world, "acme");
    let mut text = small(&[("1", "Joe's Plumbing", "503-555-0142", "", "")]);
    text.push_str("2,\"Ann's");
    text.push_str(&" and so on".repeat(200_000));
    let drop = ended(scene.import("one", "may.csv", &text, world.clock.now()).await);
    let DropState::Stopped(reason) = &drop.state else { panic!("{drop:?}") };
    assert!(reason.starts_with("line 3: a row is longer than 1 MB"), "{reason}");
    assert_eq!((drop.counts.rows, drop.counts.new), (1, 1));
    assert_eq!(scene.named("503-555-0142").await.as_deref(), Some("Joe's Plumbing"));
}
