//! Which fields an org has.

use leadgate_enrichment::crm::Crm;
use leadgate_enrichment::crm::schema::Takes;
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::retry::Retry;
use serde_json::json;

use crate::salesforce_client::{ok, salesforce, server};

#[tokio::test]
async fn an_org_says_which_fields_it_has() {
    let server = server(|line, _| match line {
        "GET /services/data/v65.0/sobjects/Lead/describe" => ok(json!({ "fields": [
            { "name": "Title", "type": "string", "length": 128, "updateable": true },
            { "name": "Industry", "type": "picklist", "length": 255, "updateable": true, "restrictedPicklist": true,
              "picklistValues": [{ "active": true, "value": "A" }, { "active": false, "value": "B" }] },
            { "name": "IsConverted", "type": "boolean", "updateable": false },
            { "type": "string" }, 7,
        ]})),
        _ => ok(json!([])),
    })
    .await;
    let org = salesforce(&server.url);
    let fields = org.properties(&ObjectType::CONTACT).await.expect("an answer").expect("a list");
    let read: Vec<_> =
        fields.iter().map(|field| (field.name.as_str(), field.takes.clone(), field.is_read_only)).collect();
    let expected = [
        ("Title", Takes::Text { chars_max: Some(128) }, false),
        ("Industry", Takes::Choice(vec!["A".to_owned()]), false),
        ("IsConverted", Takes::Other("boolean".to_owned()), true),
    ];
    assert_eq!(read, expected);
    let error = org.properties(&ObjectType::known("Contact")).await.expect_err("no list");
    assert_eq!(error.retry, Retry::Backoff);
    assert_eq!(
        org.add_property(&ObjectType::known("Lead"), &fields[0]).await.expect_err("no call for it").retry,
        Retry::Never
    );
}
