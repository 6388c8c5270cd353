//! What a value in the file has to be.

/// What a value has to be.
#[derive(Debug)]
pub enum Shape {
    /// Text, such as this.
    Text(&'static str),
    /// The name of a secret, such as this. What is found is never repeated: it may be the secret itself.
    Secret(&'static str),
    /// A day in quotes.
    Day,
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// An amount of credits.
    Credits,
    /// An amount of money with its currency, in quotes.
    Money,
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these.
    List(&'static Shape),
    /// A table whose keys are up to who writes it.
    Named(&'static Shape),
    /// A table with these keys.
    Table(&'static [Key]),
    /// The table of a CRM: the keys of all, and those of the one that its `kind` names.
    Crm,
    /// The table of a provider, in the same way.
    Provider,
    /// The table of a provider that is asked beside the first: the same, with a plan of its own.
    Fallback,
    /// The name of a CRM.
    CrmName,
    /// The name of a provider.
    ProviderName,
    /// The name of a price list that comes with Leadgate.
    PriceListName,
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What has to be there.
    pub shape: Shape,
    /// Whether it may be left out.
    pub needed: bool,
}

impl Key {
    /// One that has to be there.
    pub const fn needed(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, needed: true }
    }

    /// One that may be left out.
    pub const fn optional(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, needed: false }
    }
}
