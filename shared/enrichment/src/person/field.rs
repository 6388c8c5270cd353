//! What can be known of a person and their employer.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr, VariantNames};

/// A thing that a provider may know about a person. The words of `from` in a field's mapping.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumIter,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ProfileField {
    /// Work e-mail address.
    Email,
    /// What the provider says of the address: an [`EmailStatus`](super::EmailStatus).
    EmailStatus,
    /// Given name.
    FirstName,
    /// Family name.
    LastName,
    /// Job title.
    Title,
    /// Seniority, in the provider's words.
    Seniority,
    /// The line under the name.
    Headline,
    /// LinkedIn profile.
    LinkedinUrl,
    /// Where the person is.
    City,
    /// Where the person is.
    State,
    /// Where the person is.
    Country,
    /// Employer's name.
    CompanyName,
    /// Employer's domain.
    CompanyDomain,
    /// Employer's web site.
    CompanyWebsite,
    /// Employer's industry.
    CompanyIndustry,
    /// Employer's head count.
    CompanyEmployees,
    /// Employer's switchboard.
    CompanyPhone,
    /// Employer's yearly revenue, in US dollars.
    CompanyRevenue,
    /// When the employer was founded.
    CompanyFounded,
    /// All that investors have put into the employer, in US dollars.
    CompanyFunding,
    /// The employer in a sentence or two.
    CompanyDescription,
    /// Where the employer is.
    CompanyCity,
    /// Where the employer is.
    CompanyCountry,
    /// A mobile number, in E.164. Arrives later.
    MobilePhone,
    /// What the provider says of the number: a [`NumberStatus`](super::NumberStatus). Arrives with it.
    MobilePhoneStatus,
    /// Whether it is on a do-not-call register: a [`DoNotCall`](super::DoNotCall). Arrives with it.
    MobilePhoneDoNotCall,
}

impl ProfileField {
    /// What a provider says of how good it is, where there is such a field.
    pub fn status(self) -> Option<Self> {
        match self {
            Self::Email => Some(Self::EmailStatus),
            Self::MobilePhone => Some(Self::MobilePhoneStatus),
            _ => None,
        }
    }

    /// The word used in configuration.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Whether it is an amount: digits, and nothing that is only there for people.
    pub fn is_amount(self) -> bool {
        matches!(self, Self::CompanyEmployees | Self::CompanyRevenue | Self::CompanyFunding | Self::CompanyFounded)
    }

    /// Whether a provider says how sure it is of it.
    pub fn has_confidence(self) -> bool {
        matches!(self, Self::Email | Self::MobilePhone)
    }

    /// The value that this says something of.
    pub fn says_something_of(self) -> Option<Self> {
        match self {
            Self::EmailStatus => Some(Self::Email),
            Self::MobilePhoneStatus | Self::MobilePhoneDoNotCall => Some(Self::MobilePhone),
            _ => None,
        }
    }

    /// Whether it says something of a number that comes with it.
    pub fn comes_with_a_number(self) -> bool {
        self.says_something_of() == Some(Self::MobilePhone)
    }

    /// Whether it is about the employer.
    pub fn is_of_employer(self) -> bool {
        matches!(
            self,
            Self::CompanyName
                | Self::CompanyDomain
                | Self::CompanyWebsite
                | Self::CompanyIndustry
                | Self::CompanyEmployees
                | Self::CompanyPhone
                | Self::CompanyRevenue
                | Self::CompanyFounded
                | Self::CompanyFunding
                | Self::CompanyDescription
                | Self::CompanyCity
                | Self::CompanyCountry
        )
    }
}
