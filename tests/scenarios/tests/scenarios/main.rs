//! What Leadgate promises, tried in a world: one scenario a test, against the state of the world rather than against
//! a list of expected calls.

mod acknowledgements;
mod alerts;
mod alone;
mod async_results;
mod asynchronous;
mod books;
mod bulk;
mod caps;
mod crash;
mod credits;
mod cycles;
mod door;
mod events;
mod example_vendor;
mod forms;
mod gate;
mod happy;
mod keeping;
mod kept;
mod known;
mod line;
mod merges;
mod outage;
mod pipedrive;
mod plans;
mod privacy;
mod provider;
mod reconciliation;
mod renewal;
mod repeats;
mod salesforce;
mod stage;
mod tenants;
mod wire;
mod write_back;
