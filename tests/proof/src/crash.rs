//! Every call of a flow, broken in every way, one at a time: then redelivery and the sweeper finish, and the money, the
//! leads and the CRM must be right.

use super::flow::Trouble;
pub use super::flow::{Flow, Moment, Over};
use super::lane::{Effort, Lane, Tried, try_all};
use super::violation::{Findings, Promise, Violation};
use leadgate_sandbox::world::{Call, StartError};

/// One call of a flow, and what happens at it.
#[derive(Debug, Clone)]
pub struct Point {
    flow: Flow,
    first: usize,
    call: Call,
    trouble: Trouble,
    /// The provider had been called by then, and had done its work.
    was_called: bool,
}

/// All the points of `flow`.
pub async fn points(flow: Flow) -> Result<Vec<Point>, StartError> {
    let mut lane = Lane::default();
    let mut first = 0;
    if let Flow::TakeOver(moment) = flow {
        let calls = Flow::Unit.calls(&mut lane, 0).await?;
        first = moment.among(&calls).ok_or_else(|| format!("a run without {moment:?}: {calls:?}"))?;
    }
    let calls = flow.calls(&mut lane, first).await?;
    let asked = calls.iter().position(|call| call.operation.starts_with("apollo")).unwrap_or(calls.len());
    let point = |(call, trouble): (Call, Trouble)| {
        // A call that is turned away does no work, unless its answer is lost instead.
        let works = flow != Flow::TurnedAway || call.operation.starts_with("apollo");
        let was_called = asked <= call.index && works;
        Point { flow, first, call, trouble, was_called }
    };
    Ok(flow.troubles(&calls).into_iter().map(point).collect())
}

/// Breaks each point, and gives how many there were and what was wrong.
pub async fn sweep(
    points: Vec<Point>,
    effort: Effort,
    done: &(dyn Fn() + Send + Sync),
) -> Result<(usize, Vec<Violation>), StartError> {
    let tried = try_all(points, effort, try_one, done).await?;
    let count = tried.len();
    Ok((count, tried.into_iter().flat_map(|tried: Tried<()>| tried.violations).collect()))
}

async fn try_one(mut lane: Lane, point: Point) -> Result<(Lane, Tried<()>), StartError> {
    let Point { flow, first, call, trouble, was_called } = &point;
    let scene = flow.stage(&mut lane, *first).await?;
    match trouble {
        Trouble::Broken(way) => {
            scene.world.wire.break_by(way.plan(call.index));
            flow.act(&scene).await;
            scene.world.wire.mend();
        }
        Trouble::Overtaken => flow.act_overtaken(&scene, call.index).await,
    }
    scene.finish().await?;
    let books = scene.check().await;
    let (unknown, mut findings) = (books.unknown, Findings::default());
    let may_be_unknown = flow.may_leave_unknown(*trouble, &call.operation, *was_called);
    findings.check(unknown == 0 || may_be_unknown, Promise::Order, || {
        format!("{unknown} are spent on an unknown outcome, and nothing could have left one")
    });
    findings.extend(books.findings);
    let place = format!("{flow:?}, call {} ({}) {trouble:?}", call.index, call.operation);
    let violations = findings.at(&place);
    if violations.is_empty() {
        lane.give_back(scene.world);
    }
    Ok((lane, Tried { result: (), violations }))
}
