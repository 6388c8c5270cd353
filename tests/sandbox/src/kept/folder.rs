//! The folder in which a world is kept.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::ids::TenantId;
use serde::{Deserialize, Serialize};

use super::store::{Change, Part, Store, StoreError};
use crate::template::CreateError;

/// What is written, and how. It is raised whenever an earlier version could not read what a later one writes, or the
/// other way round.
const FORMAT: u32 = 2;

/// Held for as long as the folder is in use. The system frees it however the process ends.
const LOCK: &str = "lock";
/// Everything but DynamoDB's tables.
const STORE: &str = "world.sqlite";
/// DynamoDB's tables.
const DYNAMODB: &str = "dynamodb.sqlite";

/// A process that was killed has it until the system has cleared the process away, which takes a moment.
const LOCK_TRIES: u32 = 60;
/// Between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What the folder says of itself.
const ABOUT: &str = "world/about";
/// Secrets that were made for it.
const SECRETS: &str = "world/secrets";

/// A folder that is in use by this process alone.
pub struct Folder {
    path: PathBuf,
    store: Arc<Store>,
    _lock: File,
}

/// Whose world is in a folder. Another can't go on with it: its records, its books and its vendors are of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belonging {
    /// The tenants, each with its portal.
    pub portals: BTreeMap<TenantId, u64>,
    /// The tenant that the simulated vendors serve.
    pub served: TenantId,
    /// Whether the CRM is the real one.
    pub real_crm: bool,
    /// Whether the provider is the real one.
    pub real_provider: bool,
}

/// Why a folder can't be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system doesn't allow it.
    #[error("{folder} can't be used: {source}")]
    Unusable {
        /// Which.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something else is in it.
    #[error("{0} holds other files: name an empty folder, or one that `leadgate local --data` has made")]
    Strange(String),
    /// Another process has it.
    #[error("{0} is in use by another `leadgate local`: stop that one, or name another folder")]
    InUse(String),
    /// Another version has written it.
    #[error(
        "{folder} was written by another version of leadgate (format {found}, this one has {FORMAT}): go on with that version, or name another folder"
    )]
    Format {
        /// Which.
        folder: String,
        /// What it has.
        found: String,
    },
    /// Another version has made its tables.
    #[error(
        "{folder} was written by another version of leadgate ({source}): go on with that version, or name another folder"
    )]
    Tables {
        /// Which.
        folder: String,
        /// In which table they differ.
        source: CreateError,
    },
    /// Another world is in it.
    #[error("{folder} belongs to another configuration: {how}. Go on with that one, or name another folder")]
    Other {
        /// Which.
        folder: String,
        /// In what they differ.
        how: String,
    },
    /// Its store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Folder {
    /// Opens the folder, or makes one that its owner alone may read.
    pub async fn open(path: &Path) -> Result<Self, FolderError> {
        let name = path.display().to_string();
        let unusable = |source| FolderError::Unusable { folder: name.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        if !path.join(STORE).exists() && holds_other_files(path).map_err(unusable)? {
            return Err(FolderError::Strange(name));
        }
        let lock = private_file(&path.join(LOCK)).map_err(unusable)?;
        if !is_locked(&lock).await.map_err(unusable)? {
            return Err(FolderError::InUse(name));
        }
        private_file(&path.join(DYNAMODB)).map_err(unusable)?;
        let store = Arc::new(Store::open(&path.join(STORE))?);
        let folder = Self { path: path.to_owned(), store, _lock: lock };
        match folder.store.value(ABOUT, "format")? {
            None => folder.note(ABOUT, "format", FORMAT.to_string()),
            Some(found) if found == FORMAT.to_string() => {}
            Some(found) => return Err(FolderError::Format { folder: name, found }),
        }
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where DynamoDB's tables are.
    pub(crate) fn dynamodb(&self) -> PathBuf {
        self.path.join(DYNAMODB)
    }

    /// What is kept of one thing.
    pub(crate) fn part(&self, name: &str) -> Part {
        Part::new(self.store.clone(), name)
    }

    /// Says whose world this is, or refuses where it is another's. Tenants may be added.
    pub fn belongs_to(&self, world: &Belonging) -> Result<(), FolderError> {
        if let Some(kept) = self.store.value(ABOUT, "belonging")? {
            let kept: Belonging =
                serde_json::from_str(&kept).map_err(|error| StoreError::unreadable("belonging", error))?;
            if let Some(how) = kept.difference(world) {
                return Err(FolderError::Other { folder: self.path.display().to_string(), how });
            }
        }
        let belonging = serde_json::to_string(world).map_err(|error| StoreError::unreadable("belonging", error))?;
        self.note(ABOUT, "belonging", belonging);
        Ok(())
    }

    /// A secret of this name: always the same, once it was made.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> io::Result<String>) -> Result<String, FolderError> {
        if let Some(kept) = self.store.value(SECRETS, name)? {
            return Ok(kept);
        }
        let folder = self.path.display().to_string();
        let made = make().map_err(|source| FolderError::Unusable { folder, source })?;
        self.note(SECRETS, name, made.clone());
        Ok(made)
    }

    /// By how much the world's clock was turned so far.
    pub(crate) fn turned(&self) -> Result<Duration, StoreError> {
        let Some(kept) = self.store.value(ABOUT, "turned_ms")? else { return Ok(Duration::ZERO) };
        kept.parse().map(Duration::from_millis).map_err(|error| StoreError::unreadable("turned_ms", error))
    }

    /// The world's clock has been turned by so much in all.
    pub(crate) fn note_turned(&self, turned: Duration) {
        self.note(ABOUT, "turned_ms", turned.as_millis().to_string());
    }

    fn note(&self, table: &str, key: &str, value: String) {
        self.store.save(&[Change { table: table.to_owned(), key: key.to_owned(), value: Some(value) }]);
    }
}

impl Belonging {
    /// In what the other can't go on with what is kept of this one.
    fn difference(&self, other: &Self) -> Option<String> {
        let real = |is_real| if is_real { "real" } else { "simulated" };
        for (what, kept, now) in
            [("the CRM", self.real_crm, other.real_crm), ("the provider", self.real_provider, other.real_provider)]
        {
            if kept != now {
                return Some(format!("{what} in it is the {} one, and not the {} one", real(kept), real(now)));
            }
        }
        for (tenant, portal) in &self.portals {
            match other.portals.get(tenant) {
                None => return Some(format!("it holds the tenant {tenant}, which the configuration doesn't have")),
                Some(now) if now != portal => {
                    return Some(format!("the tenant {tenant} has the portal {portal} in it, and not {now}"));
                }
                Some(_) => {}
            }
        }
        let (served, now) = (&self.served, &other.served);
        (served != now).then(|| format!("the simulated vendors in it serve the tenant {served}, and not {now}"))
    }
}

/// Locks it, if no other process has it.
async fn is_locked(file: &File) -> io::Result<bool> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

/// A file that its owner alone may read.
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

fn holds_other_files(path: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if ![LOCK, DYNAMODB].iter().any(|own| name == *own) {
            return Ok(true);
        }
    }
    Ok(false)
}
