//! What a flow needs of a CRM. The bodies are in `leadgate-connectors`.

pub mod schema;

use std::collections::BTreeMap;

use self::schema::Property;
use crate::ids::ObjectType;
use crate::lead::patch::Patch;
use crate::person::Properties;
use crate::retry::Retry;

/// A CRM we can read from and write to.
#[async_trait::async_trait]
pub trait Crm: Send + Sync {
    /// The current values of `properties` for each of `ids`. An id that the CRM doesn't have (deleted, merged) is
    /// absent from the answer. No more ids than the CRM takes in one call. With properties of a related record comes its id
    /// ([`related`](crate::lead::related)).
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError>;

    /// Writes each patch to its record. Same values again are no harm. One answer per record, whatever happened to
    /// the others; a record without an answer must be taken as failed. No more than the CRM takes in one call. Values of a
    /// related record go into the one that the patch names.
    async fn write(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError>;

    /// The record of the person with this e-mail address, if the CRM has one: of several, always the same.
    async fn find_person(&self, _email: &str) -> Result<Option<(ObjectType, String)>, CrmError> {
        Err(CrmError::cannot_create())
    }

    /// Creates a record of a person with these properties, who wasn't found. It is not repeated: after an error it may
    /// have been created all the same, and has to be looked for first.
    async fn create_person(&self, _properties: &Patch) -> Result<Created, CrmError> {
        Err(CrmError::cannot_create())
    }

    /// The ids of some of the records of this kind that a selection holds, and from where to go on. The first call has no
    /// `after`.
    async fn select(
        &self,
        _object: &ObjectType,
        _selection: &Selection,
        _after: Option<&str>,
    ) -> Result<Selected, CrmError> {
        let reason = "records can't be selected in this CRM by Leadgate: name them in a file".to_owned();
        Err(CrmError { reason, retry: Retry::Never })
    }

    /// The properties that records of this kind have, as far as our token may see them. `None` when the CRM doesn't say.
    async fn properties(&self, _object: &ObjectType) -> Result<Option<Vec<Property>>, CrmError> {
        Ok(None)
    }

    /// Adds a property of Leadgate's own. `false` when it is there already, or the CRM has no call for it.
    async fn add_property(&self, _object: &ObjectType, _property: &Property) -> Result<bool, CrmError> {
        Ok(false)
    }
}

/// Which records an operator means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those on a list of the CRM's own, by its id.
    List(String),
    /// Those that have a value in a property.
    Value {
        /// The CRM's name for it.
        property: String,
        /// As the CRM shows it.
        value: String,
    },
}

/// A page of a selection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// The records.
    pub ids: Vec<String>,
    /// From where to go on, if there are more.
    pub next: Option<String>,
}

/// How the write of one record ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// All of it, but for properties that the CRM refuses (named, with its reason).
    Done {
        /// Refused properties.
        dropped: BTreeMap<String, String>,
        /// What the CRM has put into another form, as it says that it stands there now. It is the same all the same.
        reformatted: Patch,
    },
    /// The CRM doesn't have the record any more.
    Gone,
    /// The CRM refuses the record as a whole. It names no personal data.
    Rejected(String),
}

impl Written {
    /// All of it, as it was.
    pub fn whole() -> Self {
        Self::Done { dropped: BTreeMap::new(), reformatted: Patch::new() }
    }

    /// The properties that the CRM refused, with its reasons.
    pub fn dropped(&self) -> impl Iterator<Item = (&String, &String)> {
        let dropped = if let Self::Done { dropped, .. } = self { Some(dropped) } else { None };
        dropped.into_iter().flatten()
    }

    /// What of a patch stands in the CRM by this write, in the form in which it stands there: it is known again by that.
    /// Nothing, unless the write was done.
    pub fn of(&self, patch: &Patch) -> Patch {
        let Self::Done { dropped, reformatted } = self else { return Patch::new() };
        let there = patch.iter().filter(|(name, _)| !dropped.contains_key(*name));
        there.map(|(name, value)| (name.clone(), reformatted.get(name).unwrap_or(value).clone())).collect()
    }
}

/// How the creation of a record ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// There is a record of the person: this one. It may have been there before.
    Record(ObjectType, String),
    /// The CRM refuses it. It names no personal data.
    Rejected(String),
}

/// A call to a CRM that failed as a whole.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct CrmError {
    /// Safe to log: no body, no token.
    pub reason: String,
    /// Whether to try again.
    pub retry: Retry,
}

impl CrmError {
    /// Of a CRM in which people can't be created. The configuration's check says so before.
    fn cannot_create() -> Self {
        Self { reason: "people can't be created in this CRM".to_owned(), retry: Retry::Never }
    }
}
