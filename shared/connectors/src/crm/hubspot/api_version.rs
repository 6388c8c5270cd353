//! Generations of HubSpot's API.

use std::str::FromStr;

use leadgate_enrichment::ids::ObjectType;
use serde::Deserialize;

use super::companies::COMPANY;

/// Which generation of paths to call. The shapes are the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ApiVersion {
    /// `/crm/v3/…`, unsupported from September 2027 on.
    V3,
    /// `/crm/objects/2026-03/…`: a new one each March and September, which lives 18 months.
    Dated(String),
}

/// Why a text isn't an API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?}, expected \"v3\" or a year and month such as \"2026-03\"")]
pub struct ApiVersionError(String);

impl FromStr for ApiVersion {
    type Err = ApiVersionError;

    fn from_str(text: &str) -> Result<Self, ApiVersionError> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match text.split_once('-') {
            None if text == "v3" => Ok(Self::V3),
            Some((year, month)) if year.len() == 4 && month.len() == 2 && digits(year) && digits(month) => {
                Ok(Self::Dated(text.to_owned()))
            }
            _ => Err(ApiVersionError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for ApiVersion {
    type Error = ApiVersionError;

    fn try_from(text: String) -> Result<Self, ApiVersionError> {
        text.parse()
    }
}

impl ApiVersion {
    /// HubSpot's own types are named in the plural, and custom ones by their ids, as they are.
    pub(super) fn path(&self, object: &ObjectType) -> String {
        self.path_of("objects", object)
    }

    pub(super) fn properties_path(&self, object: &ObjectType) -> String {
        self.path_of("properties", object)
    }

    /// Where associations of contacts with companies are listed. Beside the v3 paths it is a v4 one (documented as
    /// unsupported from March 2027 on).
    pub(super) fn companies_of_contacts_path(&self) -> String {
        match self {
            Self::V3 => "/crm/v4/associations/contacts/companies/batch/read".to_owned(),
            Self::Dated(date) => format!("/crm/associations/{date}/contacts/companies/batch/read"),
        }
    }

    /// Where lists are, which HubSpot calls segments as well.
    pub(super) fn lists_path(&self) -> String {
        match self {
            Self::V3 => "/crm/v3/lists".to_owned(),
            Self::Dated(date) => format!("/crm/lists/{date}"),
        }
    }

    /// Where access tokens are had.
    pub(super) fn token_path(&self) -> String {
        match self {
            Self::V3 => "/oauth/v3/token".to_owned(),
            Self::Dated(date) => format!("/oauth/{date}/token"),
        }
    }

    fn path_of(&self, family: &str, object: &ObjectType) -> String {
        let objects = match object {
            object if *object == ObjectType::CONTACT => "contacts",
            object if *object == COMPANY => "companies",
            other => other.as_str(),
        };
        match self {
            Self::V3 => format!("/crm/v3/{family}/{objects}"),
            Self::Dated(date) => format!("/crm/{family}/{date}/{objects}"),
        }
    }
}
