use std::time::Duration;

use leadgate_aws::records::{NewLeadStanding, Records};
use leadgate_enrichment::ids::RecordKey;

use crate::{acme, at, database, fingerprint};

const LAG: Duration = Duration::from_secs(60);

async fn records() -> Records {
    Records::new(&database("records", &["record"]).await, "records")
}

async fn claimed(records: &Records, now: i64) -> NewLeadStanding {
    let times = (at(now), at(now + 65));
    records.claim_new_lead(&acme(), &fingerprint("ada"), times, LAG).await.expect("an answer")
}

fn record(id: u64) -> RecordKey {
    format!("acme#crm#contact#{id}").parse().expect("a record's name")
}

#[tokio::test]
async fn one_of_two_creates_a_person_and_the_other_comes_to_the_same_record() {
    let records = records().await;
    let NewLeadStanding::Claimed(claim) = claimed(&records, 0).await else { panic!("it is the first") };
    assert!(matches!(claimed(&records, 10).await, NewLeadStanding::Taken(until) if until == at(125)));
    assert!(records.keep_new_lead(claim, &fingerprint("ada"), &record(1), at(20)).await.expect("an answer"));
    for later in [21, 1_000_000] {
        let standing = claimed(&records, later).await;
        assert!(matches!(&standing, NewLeadStanding::Record(known, _) if *known == record(1)), "{standing:?}");
    }
    let other = records.claim_new_lead(&acme(), &fingerprint("bob"), (at(30), at(95)), LAG).await.expect("an answer");
    assert!(matches!(other, NewLeadStanding::Claimed(_)), "another person is another matter");
}

#[tokio::test]
async fn a_claim_that_has_run_out_is_taken_over_once_the_last_worker_can_be_seen() {
    let records = records().await;
    let NewLeadStanding::Claimed(lost) = claimed(&records, 0).await else { panic!("it is the first") };
    assert!(matches!(claimed(&records, 124).await, NewLeadStanding::Taken(until) if until == at(125)));
    let NewLeadStanding::Claimed(claim) = claimed(&records, 125).await else { panic!("it has run out") };
    assert!(!records.keep_new_lead(lost, &fingerprint("ada"), &record(1), at(126)).await.expect("an answer"));
    assert!(records.keep_new_lead(claim, &fingerprint("ada"), &record(2), at(127)).await.expect("an answer"));
    let NewLeadStanding::Record(known, claim) = claimed(&records, 128).await else { panic!("it is known") };
    assert_eq!(known, record(2));
    // The CRM has it no longer: of two who see that, one creates another.
    let NewLeadStanding::Record(_, twin) = claimed(&records, 128).await else { panic!("it is known") };
    let times = (at(130), at(195));
    let first = records.reclaim_new_lead(claim, times).await.expect("an answer");
    assert!(matches!(first, NewLeadStanding::Claimed(_)), "{first:?}");
    let second = records.reclaim_new_lead(twin, (at(131), at(196))).await.expect("an answer");
    assert!(matches!(second, NewLeadStanding::Taken(_)), "{second:?}");
}

/// By the address, and by the record that was created for it.
#[tokio::test]
async fn an_erasure_forgets_which_record_a_person_has_become_and_stops_who_is_at_it() {
    let records = records().await;
    let NewLeadStanding::Claimed(claim) = claimed(&records, 0).await else { panic!("it is the first") };
    records.forget(&acme(), &fingerprint("ada")).await.expect("forgotten");
    assert!(!records.keep_new_lead(claim, &fingerprint("ada"), &record(1), at(20)).await.expect("an answer"));
    let NewLeadStanding::Claimed(claim) = claimed(&records, 70).await else { panic!("nothing is known any more") };
    assert!(records.keep_new_lead(claim, &fingerprint("ada"), &record(1), at(71)).await.expect("an answer"));
    let names = [fingerprint("bob")].into();
    assert!(records.forgotten(&acme(), &names).await.expect("an answer").is_empty());
    records.note_erasure(&record(1), at(80)).await.expect("noted");
    assert!(matches!(claimed(&records, 200).await, NewLeadStanding::Claimed(_)), "it is forgotten");
    let names = [fingerprint("ada"), fingerprint("bob")].into();
    let forgotten = records.forgotten(&acme(), &names).await.expect("an answer");
    assert_eq!(
        forgotten,
        [fingerprint("ada")].into(),
        "nothing was bought for the record, and it is known whose it was"
    );
}
