//! What is due when, by hand and against plain sums.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn schedule(pace: Pace) -> Schedule {
    Schedule {
        pace,
        slices: 4,
        over_ns: 1_000,
        child_min: 1,
        child_max: 1_000,
    }
}

#[test]
fn what_is_due_by_hand() {
    let even = schedule(Pace::TimeWeighted);
    let dues =
        |schedule: &Schedule, lots| [1, 2, 3, 4].map(|begun| schedule.due(lots, begun, 0, 2));
    assert_eq!(dues(&even, 50), [12, 25, 37, 50]);
    let mut weights = [0; MAX_SLICE_WEIGHTS];
    weights[..4].copy_from_slice(&[1, 5, 0, 4]);
    assert_eq!(
        dues(&schedule(Pace::VolumeWeighted { weights }), 50),
        [5, 30, 30, 50]
    );
    let nothing = Pace::VolumeWeighted {
        weights: [0; MAX_SLICE_WEIGHTS],
    };
    assert_eq!(dues(&schedule(nothing), 50), [12, 25, 37, 50]);
    assert_eq!(dues(&schedule(Pace::Iceberg { display: 3 }), 50), [50; 4]);
    // Lots of two quanta: ten per cent of 59 quanta are five, and of them two lots.
    let rate = schedule(Pace::Participation { rate_e4: 1_000 });
    let traded = [0, 59, 60, 100_000].map(|traded| rate.due(50, 1, traded, 2));
    assert_eq!(traded, [0, 2, 3, 50]);
}

#[test]
fn slices_begin_by_hand() {
    let thirds = Schedule {
        slices: 3,
        ..schedule(Pace::TimeWeighted)
    };
    assert_eq!(
        [0, 1, 2, 3].map(|slice| thirds.begins_ns(slice)),
        [0, 334, 667, 1_000]
    );
    let begun = [-5, 0, 333, 334, 666, 667, 999, 1_000, i64::MAX];
    assert_eq!(
        begun.map(|at| thirds.begun(at)),
        [1, 1, 1, 2, 2, 3, 3, 3, 3]
    );
}

#[test]
fn orders_by_hand() {
    let most = |child_min, child_max| Schedule {
        child_min,
        child_max,
        ..schedule(Pace::TimeWeighted)
    };
    assert_eq!(most(1, 100).child(12, 50), 12);
    assert_eq!(most(1, 5).child(12, 50), 4, "12 in three even orders");
    assert_eq!(most(4, 9).child(3, 50), 0, "too little is due");
    assert_eq!(most(4, 9).child(9, 11), 7, "and four are left");
    assert_eq!(most(6, 20).child(9, 11), 0, "no way to leave six");
    assert_eq!(most(6, 20).child(11, 11), 11);
    assert_eq!(most(6, 10).child(11, 11), 10, "11 has no even cut");
    assert_eq!(most(6, 10).child(5, 5), 0);
    let iceberg = Schedule {
        child_min: 2,
        ..schedule(Pace::Iceberg { display: 10 })
    };
    assert_eq!(
        [25, 11, 7, 1].map(|left| iceberg.child(left, left)),
        [10, 11, 7, 0]
    );
}

#[test]
fn orders_are_raised_to_the_minimum_notional() {
    // Five at least; a lot of two quanta at 100.0 is 0.2.
    let instrument = crate::execution::gate_tests::instrument("A");
    let raised = |child_min, child_max| {
        let schedule = Schedule {
            child_min,
            child_max,
            ..schedule(Pace::TimeWeighted)
        };
        let raised = schedule.above_minimum(&instrument, 1_000);
        (raised.child_min, raised.child_max)
    };
    assert_eq!(
        [raised(1, 5), raised(1, 30), raised(26, 30)],
        [(25, 25), (25, 30), (26, 30)]
    );
    let dearer = schedule(Pace::TimeWeighted).above_minimum(&instrument, 1_001);
    assert_eq!(dearer.child_min, 25, "24.98 lots");
}

#[test]
fn an_impossible_schedule_is_named() {
    let good = schedule(Pace::TimeWeighted);
    assert_eq!(good.validate(7), Ok(()));
    let wrong = |schedule: Schedule| schedule.validate(7).unwrap_err().field;
    assert_eq!(wrong(Schedule { slices: 0, ..good }), "slices");
    assert_eq!(wrong(Schedule { over_ns: 0, ..good }), "schedule length");
    let long = LONGEST_SCHEDULE_NS + 1;
    assert_eq!(
        wrong(Schedule {
            over_ns: long,
            ..good
        }),
        "schedule length"
    );
    assert_eq!(
        wrong(Schedule {
            child_min: 0,
            ..good
        }),
        "least child"
    );
    assert_eq!(
        wrong(Schedule {
            child_min: 9,
            child_max: 8,
            ..good
        }),
        "largest child"
    );
    let weights = [1; MAX_SLICE_WEIGHTS];
    let many = Schedule {
        slices: 33,
        ..schedule(Pace::VolumeWeighted { weights })
    };
    assert_eq!(wrong(many), "slices");
    for rate_e4 in [0, 10_001] {
        assert_eq!(
            wrong(schedule(Pace::Participation { rate_e4 })),
            "participation"
        );
    }
    assert_eq!(wrong(schedule(Pace::Iceberg { display: 0 })), "display");
}

proptest! {
    #[test]
    fn slices_that_have_begun_are_those_whose_time_has_come(
        over_ns in 1i64..5_000, slices in 1u32..40, elapsed in -10i64..6_000,
    ) {
        let schedule = Schedule { over_ns, slices, ..schedule(Pace::TimeWeighted) };
        let begun = (0..slices).filter(|slice| schedule.begins_ns(*slice) <= elapsed.max(0)).count();
        prop_assert_eq!(schedule.begun(elapsed) as usize, begun);
        prop_assert_eq!(schedule.begins_ns(slices), over_ns);
    }

    /// Filled whole each time, the orders add up to everything that can be cut, none of them before it is due.
    #[test]
    fn orders_add_up_and_none_comes_before_its_time(
        lots in 1i64..500, least in 1i64..12, more in 0i64..30, slices in 1u32..9,
        weights in prop::collection::vec(0u32..50, MAX_SLICE_WEIGHTS), kind in 0u8..3,
    ) {
        let pace = match kind {
            0 => Pace::TimeWeighted,
            1 => Pace::VolumeWeighted { weights: weights.clone().try_into().unwrap() },
            _ => Pace::Iceberg { display: i64::from(weights[0]) + 1 },
        };
        let schedule = Schedule { slices, child_min: least, child_max: least + more, ..schedule(pace) };
        let (mut done, mut due) = (0i64, 0);
        for begun in 1..=slices {
            let now = schedule.due(lots, begun, 0, 1);
            prop_assert!(now >= due);
            due = now;
            loop {
                let child = schedule.child(due - done, lots - done);
                if child == 0 {
                    break;
                }
                prop_assert!(child >= least);
                prop_assert!(child <= least + more || kind == 2 && child < least + more + least);
                done += child;
                prop_assert!(done <= due);
            }
        }
        prop_assert_eq!(due, lots);
        prop_assert!(lots - done < least, "{} of {} left", lots - done, lots);
        if least == 1 {
            prop_assert_eq!(done, lots);
        }
    }
}
