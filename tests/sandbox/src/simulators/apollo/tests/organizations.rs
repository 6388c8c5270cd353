//! Organizations, and looking for them and for people.

use super::*;

const ENRICH: &str = "/api/v1/organizations/enrich";
const ENRICH_MANY: &str = "/api/v1/organizations/bulk_enrich";
const PEOPLE: &str = "/api/v1/mixed_people/api_search";
const COMPANIES: &str = "/api/v1/mixed_companies/search";

/// A team that knows one organization.
async fn world() -> World {
    let world = World::new().await;
    let revenue = 12_500_000;
    world.apollo.know_organization(Organization { revenue, ..Organization::new("Engines", "engine.example") });
    world
}

/// A team that can find whoever is made up.
async fn crowded() -> World {
    let clock = HandClock::start();
    let setup = ApolloSetup { unknown_share: 0.1, ..ApolloSetup::default() };
    let apollo = Arc::new(Apollo::new(clock.clone(), setup));
    let base = loopback::serve(apollo_router(apollo.clone())).await;
    World { clock, apollo, http: loopback::client(), base }
}

#[tokio::test]
async fn an_organization_is_known_by_whatever_tells_and_costs_a_credit() {
    let world = world().await;
    let asked = ["domain=engine.example", "website=https%3A%2F%2Fwww.Engine.example%2Fabout", "name=ENGINES"];
    for asked in asked {
        let (status, body) = world.get(&format!("{ENRICH}?{asked}")).await;
        assert_eq!((status, &body["organization"]["primary_domain"]), (200, &json!("engine.example")), "{asked}");
        assert_eq!(body["organization"]["annual_revenue_printed"], "12.5M");
        assert!(body["organization"]["departmental_head_count"].is_object());
    }
    assert_eq!(world.get(&format!("{ENRICH}?domain=nobody.example")).await, (200, json!({ "organization": null })));
    let missing = json!({ "error": "Required parameter 'domain' missing" });
    assert_eq!(world.get(ENRICH).await, (422, missing));
    assert_eq!(world.apollo.organization_charges_of("engine.example"), 3);
    let ledger = world.apollo.ledger();
    assert_eq!((ledger.credits_charged, ledger.milli_for(Item::Organization), ledger.records_charged), (3000, 3000, 0));
}

#[tokio::test]
async fn organizations_are_bought_together_and_each_once() {
    let world = world().await;
    world.apollo.know_organization(Organization::new("Looms", "loom.example"));
    let details = json!({ "details": [
        { "domain": "loom.example" }, { "domain": "x.example" }, { "name": "Looms" }, { "website": "engine.example" },
    ] });
    let (status, _, body) = world.post(&format!("{ENRICH_MANY}?domains[]=ignored.example"), details).await;
    assert_eq!((status, &body["status"]), (200, &json!("success")));
    let names: Vec<&Value> =
        body["organizations"].as_array().expect("a list").iter().map(|it| it.get("name").unwrap_or(it)).collect();
    assert_eq!(json!(names), json!(["Looms", null, "Looms", "Engines"]));
    assert_eq!((&body["unique_enriched_records"], &body["missing_records"]), (&json!(2), &json!(1)));
    assert_eq!((&body["total_requested_records"], &body["unique_domains"]), (&json!(4), &json!(3)));
    assert_eq!(world.apollo.ledger().credits_charged, 2000);
    let (_, _, body) =
        world.post(&format!("{ENRICH_MANY}?domains[]=loom.example&domains[]=x.example"), Value::Null).await;
    assert_eq!(body["organizations"].as_array().map(Vec::len), Some(2));
    let (status, _, body) = world.post(ENRICH_MANY, json!({ "domains": vec!["x.example"; 11] })).await;
    assert_eq!((status, &body["error_code"]), (400, &json!("RECORD_LIMIT_EXCEEDED")));
    assert_eq!(world.post(ENRICH_MANY, Value::Null).await.0, 422);
    world.apollo.begin_cycle(1500);
    let both = json!({ "domains": ["loom.example", "engine.example"] });
    assert_eq!(world.post(ENRICH_MANY, both).await.0, 422, "all or nothing");
    assert_eq!(world.apollo.credits_left(), 1500);
}

#[tokio::test]
async fn what_is_not_known_can_be_left_out() {
    let setup = ApolloSetup { organization_gap: Gap::LeftOut, charge_repeats: false, ..ApolloSetup::default() };
    let world = World::with(setup).await;
    world.apollo.know_organization(Organization::new("Looms", "loom.example"));
    let asked = json!({ "domains": ["x.example", "loom.example"] });
    for _ in 0..2 {
        let (_, _, body) = world.post(ENRICH_MANY, asked.clone()).await;
        assert_eq!(body["organizations"].as_array().map(Vec::len), Some(1));
        assert_eq!(body["organizations"][0]["name"], "Looms");
    }
    assert_eq!(world.apollo.organization_charges_of("loom.example"), 1);
    world.apollo.forget_organization("loom.example");
    assert_eq!(world.apollo.organization("loom.example"), None);
}

#[tokio::test]
async fn people_can_be_looked_for_without_being_bought() {
    let world = crowded().await;
    let (status, _, body) = world.post(&format!("{PEOPLE}?per_page=100"), Value::Null).await;
    let total = body["total_entries"].as_u64().expect("a number");
    assert!(status == 200 && total > 200, "{total}");
    let person = &body["people"][0];
    assert!(person.get("email").is_none() && person.get("last_name").is_none());
    assert!(person["last_name_obfuscated"].as_str().is_some_and(|name| name.contains("***")));
    assert!(person["has_direct_phone"].is_string() && person["organization"]["has_revenue"].is_boolean());
    assert_eq!(world.apollo.ledger().credits_charged, 0);
    let (_, _, found) = world.post(MATCH, json!({ "id": person["id"] })).await;
    assert_eq!((&found["person"]["id"], &found["person"]["first_name"]), (&person["id"], &person["first_name"]));
    let (_, _, last) = world.post(PEOPLE, json!({ "per_page": 100, "page": total / 100 + 1 })).await;
    assert_eq!(last["people"].as_array().map(|it| it.len() as u64), Some(total % 100));
    for wrong in ["per_page=101", "page=501", "page=0"] {
        let (status, _, body) = world.post(&format!("{PEOPLE}?{wrong}"), Value::Null).await;
        assert_eq!((status, body), (422, json!({ "error": "Invalid parameters" })), "{wrong}");
    }
}

#[tokio::test]
async fn people_are_found_by_what_they_do_and_where() {
    let world = crowded().await;
    let total = async |query: &str| {
        world.post(&format!("{PEOPLE}?{query}"), Value::Null).await.2["total_entries"].as_u64().expect("a number")
    };
    let all = total("").await;
    let founders = total("person_seniorities[]=founder").await;
    let chiefs = total("person_titles[]=chief").await;
    assert!(founders > 0 && chiefs > 0 && founders + chiefs < all, "{founders} {chiefs} {all}");
    assert_eq!(total("person_seniorities[]=founder&person_titles[]=chief").await, 0);
    let germans = total("person_locations[]=Germany").await;
    assert!(germans > 0 && germans < all);
    let small = total("organization_num_employees_ranges[]=1,10").await;
    let others = total("organization_num_employees_ranges[]=11,100000").await;
    assert_eq!(small + others, all);
    let (_, _, one) = world.post(PEOPLE, json!({ "q_organization_domains_list": ["somewhere.example"] })).await;
    assert_eq!(one["people"][0]["organization"]["name"], "Somewhere");
}

#[tokio::test]
async fn a_page_of_companies_costs_a_credit_unless_it_is_empty() {
    let world = crowded().await;
    let (status, _, body) = world.post(COMPANIES, json!({ "per_page": 25, "page": 2 })).await;
    assert_eq!((status, body["organizations"].as_array().map(Vec::len)), (200, Some(25)));
    let total = body["pagination"]["total_entries"].as_u64().expect("a number");
    assert_eq!(body["pagination"]["total_pages"], total.div_ceil(25));
    assert_eq!(body["model_ids"][0], body["organizations"][0]["id"]);
    assert_eq!(world.apollo.ledger().milli_for(Item::Page), 1000);
    let (_, _, empty) = world.post(COMPANIES, json!({ "per_page": 25, "page": 400 })).await;
    assert_eq!(empty["organizations"], json!([]));
    let (_, _, none) = world.post(&format!("{COMPANIES}?q_organization_name=nosuchname"), Value::Null).await;
    assert_eq!(none["pagination"]["total_entries"], 0);
    assert_eq!(world.apollo.ledger().credits_charged, 1000);
    let (_, _, rich) = world.post(&format!("{COMPANIES}?revenue_range[min]=1000000000"), Value::Null).await;
    let revenue = rich["organizations"][0]["annual_revenue"].as_f64().expect("a number");
    assert!(revenue >= 1e9, "{revenue}");
}

#[tokio::test]
async fn of_several_less_is_told_than_of_one() {
    let world = World::new().await;
    let employer = Organization {
        revenue: 2_500_000,
        funding: 17_000,
        description: "Engines that weave".into(),
        ..Organization::new("Engine", "engine.example")
    };
    world.apollo.know_organization(employer.clone());
    world.apollo.know(Person { organization: Some(employer), ..Person::new("Ada", "Lovelace", "ada@example.com") });
    let told = |organization: &Value| {
        let keys = ["name", "annual_revenue", "total_funding", "short_description", "seo_description"];
        keys.map(|key| organization.get(key).is_some())
    };
    let (_, _, alone) = world.post(&format!("{MATCH}?email=ada@example.com"), Value::Null).await;
    assert_eq!(told(&alone["person"]["organization"]), [true; 5]);
    let (_, several) = world.bulk(&["ada@example.com"]).await;
    assert_eq!(told(&several["matches"][0]["organization"]), [true, false, false, false, false]);
    let path = format!("{BULK}?run_waterfall_email=true&webhook_url=https://hooks.example.com/x");
    let (_, _, waterfall) = world.post(&path, details(&["ada@example.com"])).await;
    assert_eq!(
        (&waterfall["waterfall"]["status"], waterfall["matches"][0].get("organization")),
        (&json!("accepted"), None)
    );

    let (_, alone) = world.get("/api/v1/organizations/enrich?domain=engine.example").await;
    assert_eq!(told(&alone["organization"]), [true; 5]);
    let (_, _, several) = world.post(&format!("{ENRICH_MANY}?domains[]=engine.example"), Value::Null).await;
    assert_eq!(told(&several["organizations"][0]), [true, false, false, true, true]);
}

#[tokio::test]
async fn an_organization_may_be_asked_for_with_a_post() {
    let world = World::new().await;
    world.apollo.know_organization(Organization::new("Engine", "engine.example"));
    let (status, _, body) = world.post("/api/v1/organizations/enrich", json!({ "domain": "engine.example" })).await;
    assert_eq!((status, &body["organization"]["name"]), (200, &json!("Engine")));
    assert_eq!(world.apollo.organization_charges_of("engine.example"), 1);
    assert_eq!(world.post("/api/v1/organizations/enrich", json!({})).await.0, 422);
}
