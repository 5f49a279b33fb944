//! Schedules of one order over time, as pure functions in whole lots: what is due is always the exact share of the
//! whole, so that the slices add up to it whatever the weights.

/// Slots of a day's volume curve: five minutes each, the first beginning at 00:00 UTC.
pub const CURVE_SLOTS: usize = 288;
/// Most slices that a volume-weighted schedule carries the weights of.
pub const MAX_SLICE_WEIGHTS: usize = 32;
const SLOT_NS: i64 = 300_000_000_000;
const DAY_NS: i64 = 86_400_000_000_000;
/// A participation rate of one.
const ONE_E4: i128 = 10_000;

/// Slices of `lots` in proportion to `weights`: after each slice ⌊lots × Σ weights so far ÷ Σ weights⌋ is done. All
/// weights zero: the whole in the first slice.
fn proportional(lots: i64, weights: impl Iterator<Item = u64> + Clone) -> Vec<i64> {
    let total: u128 = weights.clone().map(u128::from).sum();
    let (mut passed, mut done) = (0u128, 0i64);
    let mut slices = Vec::new();
    for weight in weights {
        passed += u128::from(weight);
        let due = share(lots, passed, total);
        slices.push(due - done);
        done = due;
    }
    slices
}

/// ⌊lots × passed ÷ total⌋; all of it where the total is zero.
fn share(lots: i64, passed: u128, total: u128) -> i64 {
    // A sum of 64-bit weights times 63 bits of lots fits for every count of weights that memory holds.
    let lots_u = u128::from(lots.max(0).unsigned_abs());
    match total {
        0 => lots,
        _ => i64::try_from(lots_u.saturating_mul(passed.min(total)) / total).unwrap_or(lots),
    }
}

/// Lots due of `lots` once `passed` of `total` has passed: what [`time_weighted`] and [`volume_weighted`] add up to.
pub fn due_share(lots: i64, passed: u64, total: u64) -> i64 {
    share(lots, u128::from(passed), u128::from(total))
}

/// TWAP: `lots` over `slices` equal spans of time.
pub fn time_weighted(lots: i64, slices: usize) -> Vec<i64> {
    proportional(lots.max(0), std::iter::repeat_n(1, slices.max(1)))
}

/// Mean volume of each slot of the day over past days, in the unit given; days without any volume do not count.
pub fn volume_curve(days: &[[u64; CURVE_SLOTS]]) -> [u64; CURVE_SLOTS] {
    let mut sums = [0u128; CURVE_SLOTS];
    let mut counted = 0u128;
    for day in days {
        if day.iter().all(|volume| *volume == 0) {
            continue;
        }
        counted += 1;
        for (sum, volume) in sums.iter_mut().zip(day) {
            *sum += u128::from(*volume);
        }
    }
    sums.map(|sum| u64::try_from(sum / counted.max(1)).unwrap_or(u64::MAX))
}

/// VWAP: `lots` over the next `slices` slots of the UTC day, the first being that of `start_ns`, by the volume curve.
/// A curve that expects nothing there gives equal slices.
pub fn volume_weighted(
    lots: i64,
    start_ns: i64,
    slices: usize,
    curve: &[u64; CURVE_SLOTS],
) -> Vec<i64> {
    // The remainder is within a day and never negative, so the slot is one of the curve's.
    let first = (start_ns.rem_euclid(DAY_NS) / SLOT_NS) as usize;
    let weights = (0..slices.max(1)).map(|slice| curve[(first + slice) % CURVE_SLOTS]);
    if weights.clone().all(|weight| weight == 0) {
        return time_weighted(lots, slices);
    }
    proportional(lots.max(0), weights)
}

/// Volume expected of each of `slices` equal spans from `start_ns` on, by the volume curve, as whole numbers in
/// proportion; a slot that a span covers in part counts for that part. A curve that expects nothing there gives equal
/// ones. Spans beyond [`MAX_SLICE_WEIGHTS`] get none.
pub fn slice_weights(
    start_ns: i64,
    over_ns: i64,
    slices: u32,
    curve: &[u64; CURVE_SLOTS],
) -> [u32; MAX_SLICE_WEIGHTS] {
    let count = (slices.max(1) as usize).min(MAX_SLICE_WEIGHTS);
    // Beyond a day the curve would only come round again.
    let over = i128::from(over_ns.clamp(1, DAY_NS));
    let start = i128::from(start_ns.rem_euclid(DAY_NS));
    let slot_ns = i128::from(SLOT_NS);
    let mut expected = [0u128; MAX_SLICE_WEIGHTS];
    for (number, sum) in expected.iter_mut().take(count).enumerate() {
        let edge = |number: usize| start + over * number as i128 / count as i128;
        let (mut at, end) = (edge(number), edge(number + 1));
        while at < end {
            let slot = at / slot_ns;
            let until = end.min((slot + 1) * slot_ns);
            let volume = curve[slot as usize % CURVE_SLOTS];
            *sum += (until - at).unsigned_abs() * u128::from(volume);
            at = until;
        }
    }
    // What all have in common goes first, so that whole slots stay exact.
    let common = expected
        .iter()
        .copied()
        .fold(0, greatest_common_divisor)
        .max(1);
    let largest = expected.iter().copied().max().unwrap_or(0) / common;
    let shift = (u128::BITS - largest.leading_zeros()).saturating_sub(u32::BITS);
    let mut weights = [0u32; MAX_SLICE_WEIGHTS];
    for (weight, sum) in weights.iter_mut().zip(expected).take(count) {
        *weight = match largest {
            0 => 1,
            _ => u32::try_from((sum / common) >> shift).unwrap_or(u32::MAX),
        };
    }
    weights
}

fn greatest_common_divisor(mut left: u128, mut right: u128) -> u128 {
    while right > 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// POV: lots due now so that all done, `done`, is at most `rate_e4` (in 1e-4) of the market's volume since the start
/// (in lots, our own fills included), and never more than `left`.
pub fn participation(left: i64, done: i64, market_lots: i64, rate_e4: i64) -> i64 {
    let share = i128::from(market_lots.max(0)) * i128::from(rate_e4.max(0)) / ONE_E4;
    let due = (share - i128::from(done)).clamp(0, i128::from(left.max(0)));
    i64::try_from(due).unwrap_or(0)
}

/// Iceberg: lots to show next; a remainder below `least` joins the last slice rather than staying behind.
pub fn shown(left: i64, display: i64, least: i64) -> i64 {
    let slice = display.max(1).max(least);
    if left <= slice || left - slice < least {
        left.max(0)
    } else {
        slice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR_NS: i64 = 3_600_000_000_000;

    #[test]
    fn slices_by_hand() {
        assert_eq!(time_weighted(10, 4), [2, 3, 2, 3]);
        assert_eq!(time_weighted(2, 4), [0, 1, 0, 1]);
        let mut curve = [0u64; CURVE_SLOTS];
        (curve[287], curve[0], curve[1]) = (30, 10, 60);
        // Begins five minutes before midnight and goes over it.
        let late = 24 * HOUR_NS - 1;
        assert_eq!(volume_weighted(10, late, 3, &curve), [3, 1, 6]);
        assert_eq!(volume_weighted(10, 12 * HOUR_NS, 2, &curve), [5, 5]);
        let mut day = [0u64; CURVE_SLOTS];
        day[5] = 9;
        let mean = volume_curve(&[day, [1; CURVE_SLOTS], [0; CURVE_SLOTS]]);
        assert_eq!((mean[5], mean[6]), (5, 0));
        // 10 % of 1 000 lots less the 40 that are done.
        assert_eq!(participation(500, 40, 1_000, 1_000), 60);
        assert_eq!(participation(50, 40, 1_000, 1_000), 50);
        assert_eq!(participation(50, 140, 1_000, 1_000), 0);
        assert_eq!(
            [shown(25, 10, 2), shown(11, 10, 2), shown(7, 10, 2)],
            [10, 11, 7]
        );
    }

    #[test]
    fn weights_by_hand() {
        let mut curve = [0u64; CURVE_SLOTS];
        (curve[287], curve[0], curve[1]) = (30, 10, 60);
        let whole = slice_weights(24 * HOUR_NS - SLOT_NS, 3 * SLOT_NS, 3, &curve);
        let lots = |weights: &[u32; MAX_SLICE_WEIGHTS], lots: i64| {
            proportional(lots, weights[..3].iter().map(|weight| u64::from(*weight)))
        };
        assert_eq!(lots(&whole, 10), [3, 1, 6]);
        // Half a slot later: 15 + 5, 5 + 30, 30 + 0 of what is expected.
        let late = slice_weights(24 * HOUR_NS - SLOT_NS / 2, 3 * SLOT_NS, 3, &curve);
        assert_eq!(lots(&late, 85), [20, 35, 30]);
        assert_eq!(late[3..], [0; MAX_SLICE_WEIGHTS - 3]);
        let nothing = slice_weights(12 * HOUR_NS, HOUR_NS, 3, &curve);
        assert_eq!(nothing[..4], [1, 1, 1, 0]);
        let mut steep = [u64::MAX; CURVE_SLOTS];
        steep[0] = 1;
        let huge = slice_weights(0, HOUR_NS, 2, &steep);
        assert!(huge[0] > 1 << 30 && huge[1] > huge[0]);
        assert!((f64::from(huge[0]) / f64::from(huge[1]) - 5.0 / 6.0).abs() < 1e-8);
        assert_eq!(
            [
                due_share(10, 1, 4),
                due_share(10, 4, 4),
                due_share(10, 9, 4)
            ],
            [2, 10, 10]
        );
    }

    proptest! {
        #[test]
        fn every_schedule_adds_up_and_is_never_off_its_line_by_a_lot(
            lots in 0i64..1_000_000_000_000,
            weights in prop::collection::vec(0u64..1_000_000_000, 1..60),
        ) {
            let slices = proportional(lots, weights.iter().copied());
            prop_assert_eq!(slices.len(), weights.len());
            prop_assert_eq!(slices.iter().sum::<i64>(), lots);
            let total: u64 = weights.iter().sum();
            let (mut done, mut passed) = (0i64, 0u64);
            for (slice, weight) in slices.iter().zip(&weights) {
                prop_assert!(*slice >= 0);
                done += slice;
                passed += weight;
                if total > 0 {
                    let line = lots as f64 * passed as f64 / total as f64;
                    prop_assert!((line - done as f64).abs() < 1.001);
                }
            }
        }

        #[test]
        fn participation_never_exceeds_its_rate(
            volumes in prop::collection::vec(0i64..10_000, 1..50), rate in 1i64..10_000, lots in 1i64..50_000,
        ) {
            let (mut market, mut done) = (0i64, 0i64);
            for volume in volumes {
                market += volume;
                done += participation(lots - done, done, market, rate);
                prop_assert!(done <= lots && done * 10_000 <= market * rate);
                prop_assert!(done == lots || (done + 1) * 10_000 > market * rate);
            }
        }

        #[test]
        fn an_iceberg_is_shown_whole_and_never_leaves_less_than_the_least(
            lots in 1i64..10_000, display in 1i64..500, least in 1i64..100,
        ) {
            let mut left = lots;
            while left > 0 {
                let slice = shown(left, display, least);
                prop_assert!(slice > 0 && slice <= left);
                left -= slice;
                prop_assert!(left == 0 || left >= least);
            }
        }
    }
}
