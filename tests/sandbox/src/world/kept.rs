//! A world that outlasts the process: it goes on in a folder from where it stood, however it ended.
//!
//! Kept are DynamoDB's tables, SQS's messages, what the simulated vendors remember, what operators were told and by how
//! much the clock was turned. Faults that were planned and rate limits of the simulated CRM end with the process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_connectors::crm::hubspot::config as hubspot;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::Config;
use reqwest::Url;

use super::clock::WorldClock;
use super::servers::Servers;
use super::settings::Settings;
use super::site::Site;
use super::{Neighbour, StartError, World};
use crate::kept::{Belonging, Folder, FolderError, StoreError};
use crate::simulators::eventbridge::EventBridge;
use crate::template::CreateError;

impl World {
    /// Starts everything where it stood in this folder. A folder that another world is kept in is refused, and left as it
    /// is.
    pub async fn start_in(folder: Folder, settings: Settings) -> Result<Self, StartError> {
        folder.belongs_to(&belonging(&settings)?)?;
        let servers = Arc::new(Servers::start_in(&folder).await?);
        let name = folder.path().display().to_string();
        let site =
            Site::kept(servers, Arc::new(folder)).await.map_err(|error| match error.downcast::<CreateError>() {
                Ok(source) if matches!(*source, CreateError::Differs(_)) => {
                    FolderError::Tables { folder: name, source: *source }.into()
                }
                Ok(source) => source as StartError,
                Err(error) => error,
            })?;
        Self::start_at(site, settings).await
    }

    /// Whether it outlasts the process.
    pub fn is_kept(&self) -> bool {
        self.site.folder.is_some()
    }
}

/// Whose world it is.
fn belonging(settings: &Settings) -> Result<Belonging, StartError> {
    let config = Config::parse(&settings.config, &settings.vendors())?;
    let served = config.tenants.keys().next().ok_or("the configuration has no tenant")?.clone();
    Ok(Belonging {
        portals: config
            .tenants
            .values()
            .map(|tenant| (tenant.id.clone(), hubspot::Settings::of(&tenant.crm.own).portal_id))
            .collect(),
        served,
        real_crm: settings.real.hubspot_access_token.is_some(),
        real_provider: settings.real.apollo_api_key.is_some(),
    })
}

/// What the clock shows at first: where it was turned to before, it doesn't go back.
pub(super) fn start(site: &Site, start: Timestamp) -> Result<Timestamp, StoreError> {
    let turned = site.folder.as_ref().map(|folder| folder.turned()).transpose()?;
    Ok(later(start, turned.unwrap_or_default()))
}

/// Lets everything that a world remembers go on from where it stood, and keeps it from now on.
pub(super) fn keep(
    folder: &Arc<Folder>,
    url: &str,
    clock: &WorldClock,
    vendors: &[Option<&Neighbour>],
    bus: &EventBridge,
) -> Result<(), StoreError> {
    for (number, Neighbour { hubspot, apollo }) in vendors.iter().copied().flatten().enumerate() {
        hubspot.keep_in(folder.part(&format!("hubspot-{number}")))?;
        apollo.keep_in(folder.part(&format!("apollo-{number}")))?;
        apollo.redirect_callbacks(|earlier| served_now(earlier, url));
    }
    bus.keep_in(folder.part("eventbridge"))?;
    let (folder, turned) = (folder.clone(), Mutex::new(folder.turned()?));
    clock.before_turns(move |by: Duration| {
        let mut turned = turned.lock().unwrap_or_else(PoisonError::into_inner);
        *turned += by;
        folder.note_turned(*turned);
    });
    Ok(())
}

/// Where something is served now that a world served here before: the port may be another one.
fn served_now(earlier: &str, url: &str) -> Option<String> {
    let (earlier, now) = (Url::parse(earlier).ok()?, Url::parse(url).ok()?);
    let is_ours = earlier.host_str() == now.host_str() && earlier.path().starts_with(CALLBACKS);
    let mut moved = earlier;
    moved.set_port(now.port()).ok()?;
    is_ours.then(|| moved.to_string())
}

/// Where callbacks are received.
const CALLBACKS: &str = "/apollo/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_world_receives_moves_with_it() {
        let now = "http://127.0.0.1:9000";
        let moved = |earlier: &str| served_now(earlier, now);
        let callback = moved("http://127.0.0.1:8787/apollo/demo/token");
        assert_eq!(callback.as_deref(), Some("http://127.0.0.1:9000/apollo/demo/token"));
        assert_eq!(moved("http://127.0.0.1:8787/mine"), None);
        assert_eq!(moved("https://leads.example/apollo/demo/token"), None);
    }
}
