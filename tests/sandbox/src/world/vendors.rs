//! Simulated vendors that have something in them from the beginning.

use std::sync::Arc;

use super::clock::WorldClock;
use super::settings::Settings;
use super::site::Site;
use crate::simulators::apollo::Apollo;
use crate::simulators::salesforce::{Kind, Salesforce};
use crate::simulators::zoho::Zoho;

/// A team at Apollo with a sequence and a mailbox, so that those who look around in it find something.
pub(super) fn apollo(clock: &Arc<WorldClock>, settings: &Settings) -> Arc<Apollo> {
    let apollo = Apollo::new(clock.clone(), settings.apollo.clone());
    apollo.add_sequence("New leads");
    apollo.add_mailbox("sales@leadgate.example", true);
    Arc::new(apollo)
}

/// An org at Zoho CRM, whose tokens are good here.
pub(super) fn zoho(clock: &Arc<WorldClock>, settings: &Settings, site: &Site, url: &str) -> Arc<Zoho> {
    let api_domain = format!("{url}/simulators/zoho");
    Arc::new(Zoho::new(clock.clone(), settings.zoho.clone(), site.http.clone(), &api_domain))
}

/// An org that has the fields of the configuration that are no org's by itself.
pub(super) fn salesforce(clock: &Arc<WorldClock>, settings: &Settings, site: &Site, url: &str) -> Arc<Salesforce> {
    let salesforce = Salesforce::new(clock.clone(), settings.salesforce.clone(), site.http.clone());
    salesforce.serve_at(&format!("{url}/simulators/salesforce"));
    salesforce.define_field("Mobile_Do_Not_Call__c", Kind::Text(40));
    Arc::new(salesforce)
}
