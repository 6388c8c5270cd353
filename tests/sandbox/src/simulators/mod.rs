//! The vendors, on one machine: CRMs and data providers that remember what was done to them.
//!
//! Each is written from its vendor's documentation and shares no code with our connectors, so the two can disagree. All
//! keep their own books: what a scenario claims about money or about writes is compared with what the vendor says.
//! Each can be told to fail ([`fault::Fault`]), and can be interrupted before it carries out a call.

mod account;
pub mod apollo;
pub mod attio;
pub mod clay;
pub mod close;
pub mod cognism;
mod crm;
pub mod datalane;
pub mod eventbridge;
mod exchange;
pub mod fault;
mod guarded;
#[cfg(test)]
mod hand_clock;
pub mod hubspot;
pub mod hunter;
#[cfg(test)]
mod loopback;
pub mod lusha;
mod outbox;
pub mod pdl;
pub mod pipedrive;
mod provider;
mod report;
pub mod s3;
pub mod salesforce;
pub mod zoho;
pub mod zoominfo;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::{Json, Router};

pub use account::AccountSetup;
pub use crm::SimulatedCrm;
/// Of the provider that delivers in batches, which needs no name where only its batches are wanted.
pub use datalane as batches;
pub use exchange::{Call, CallHook, EndHook, Ending};
pub use outbox::{Event, Subscription};
pub use provider::SimulatedProvider;
pub use report::DeliveryReport;

use apollo::{Apollo, Ledger};
use attio::Attio;
use clay::Clay;
use close::Close;
use cognism::Cognism;
use exchange::Vendor;
use fault::FaultRule;
use hubspot::HubSpot;
use hunter::Hunter;
use lusha::Lusha;
use pdl::PeopleDataLabs;
use pipedrive::Pipedrive;
use salesforce::Salesforce;
use zoho::Zoho;
use zoominfo::ZoomInfo;

/// The vendors of one world.
#[derive(Clone)]
pub struct Simulators {
    /// A CRM.
    pub hubspot: Arc<HubSpot>,
    /// The data provider.
    pub apollo: Arc<Apollo>,
}

/// Serves both vendors: HubSpot's paths below `/simulators/hubspot`, Apollo's below `/simulators/apollo`.
pub fn router(simulators: Simulators) -> Router {
    Router::new().nest("/simulators", vendors_router(simulators))
}

/// Both vendors, each below its name, to be nested wherever they are wanted.
pub fn vendors_router(simulators: Simulators) -> Router {
    Router::new().nest("/hubspot", hubspot_router(simulators.hubspot)).nest("/apollo", apollo_router(simulators.apollo))
}

/// Serves one HubSpot portal, to be nested wherever it is wanted. `/faults` is ours; everything else is the vendor's.
pub fn hubspot_router(hubspot: Arc<HubSpot>) -> Router {
    vendor_router(hubspot)
}

/// Serves one Salesforce org in the same way.
pub fn salesforce_router(salesforce: Arc<Salesforce>) -> Router {
    vendor_router(salesforce)
}

/// Serves one company at Pipedrive in the same way.
pub fn pipedrive_router(pipedrive: Arc<Pipedrive>) -> Router {
    vendor_router(pipedrive)
}

/// Serves one workspace at Attio in the same way.
pub fn attio_router(attio: Arc<Attio>) -> Router {
    vendor_router(attio)
}

/// Serves one organization at Close in the same way.
pub fn close_router(close: Arc<Close>) -> Router {
    vendor_router(close)
}

/// Serves one org at Zoho CRM in the same way.
pub fn zoho_router(zoho: Arc<Zoho>) -> Router {
    vendor_router(zoho)
}

/// Serves one account at People Data Labs in the same way.
pub fn pdl_router(pdl: Arc<PeopleDataLabs>) -> Router {
    vendor_router(pdl)
}

/// Serves one account at Hunter in the same way.
pub fn hunter_router(hunter: Arc<Hunter>) -> Router {
    vendor_router(hunter)
}

/// Serves one account at Lusha in the same way.
pub fn lusha_router(lusha: Arc<Lusha>) -> Router {
    vendor_router(lusha)
}

/// Serves one account at Cognism in the same way.
pub fn cognism_router(cognism: Arc<Cognism>) -> Router {
    vendor_router(cognism)
}

/// Serves one workspace at Clay in the same way.
pub fn clay_router(clay: Arc<Clay>) -> Router {
    vendor_router(clay)
}

/// Serves one account at ZoomInfo in the same way.
pub fn zoominfo_router(zoominfo: Arc<ZoomInfo>) -> Router {
    vendor_router(zoominfo)
}

/// Serves one Apollo team in the same way; `/ledger` is ours, too.
pub fn apollo_router(apollo: Arc<Apollo>) -> Router {
    Router::new().route("/ledger", get(apollo_ledger)).with_state(apollo.clone()).merge(vendor_router(apollo))
}

fn vendor_router<V: Vendor + 'static>(vendor: Arc<V>) -> Router {
    Router::new()
        .route("/faults", post(add_fault::<V>).delete(clear_faults::<V>))
        .route("/{*path}", any(to_vendor::<V>))
        .with_state(vendor)
}

async fn to_vendor<V: Vendor>(State(vendor): State<Arc<V>>, Path(path): Path<String>, request: Request) -> Response {
    exchange::serve(vendor.as_ref(), &path, request).await
}

async fn add_fault<V: Vendor>(State(vendor): State<Arc<V>>, Json(rule): Json<FaultRule>) -> StatusCode {
    vendor.reception().faults.add(rule);
    StatusCode::NO_CONTENT
}

async fn clear_faults<V: Vendor>(State(vendor): State<Arc<V>>) -> StatusCode {
    vendor.reception().faults.clear();
    StatusCode::NO_CONTENT
}

async fn apollo_ledger(State(apollo): State<Arc<Apollo>>) -> Json<Ledger> {
    Json(apollo.ledger())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::simulators::apollo::ApolloSetup;
    use crate::simulators::hand_clock::HandClock;
    use crate::simulators::hubspot::HubSpotSetup;

    #[tokio::test]
    async fn both_vendors_are_served_below_their_names() {
        let (clock, http) = (HandClock::start(), loopback::client());
        let hubspot = Arc::new(HubSpot::new(clock.clone(), HubSpotSetup::default(), http.clone()));
        let apollo = Arc::new(Apollo::new(clock, ApolloSetup { unknown_share: 0.0, ..ApolloSetup::default() }));
        let base = loopback::serve(router(Simulators { hubspot: hubspot.clone(), apollo })).await;
        let id = hubspot.create_contact([("email", "ada@example.com")]);

        let url = format!("{base}/simulators/hubspot/crm/v3/objects/contacts/batch/read");
        let body = json!({ "inputs": [{ "id": id }], "properties": ["email"], "propertiesWithHistory": [] });
        let read = http.post(url).bearer_auth("simulated-access-token").json(&body);
        let read: Value = read.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(read["results"][0]["properties"]["email"], "ada@example.com");

        let url = format!("{base}/simulators/apollo/api/v1/people/match?email=ada@example.com");
        let found = http.post(url).header("x-api-key", "simulated-api-key").send().await.expect("an answer");
        assert_eq!(found.json::<Value>().await.expect("JSON")["person"]["email"], "ada@example.com");
        let ledger = http.get(format!("{base}/simulators/apollo/ledger")).send().await.expect("an answer");
        assert_eq!(ledger.json::<Value>().await.expect("JSON")["charges"][0]["milli"], 1000);
    }
}
